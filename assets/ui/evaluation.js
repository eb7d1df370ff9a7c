/* The browser half of ui/evaluation.py. */
Object.assign(window.Explorer, (() => {
  "use strict";

  /* What was opened by a click further up comes into sight; the focus stays where it was. */
  function showQuery(id) {
    requestAnimationFrame(() => {
      const place = document.getElementById(id);
      if (!place) return;
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      place.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
    });
  }
  return { showQuery };
})());

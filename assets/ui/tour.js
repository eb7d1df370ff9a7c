/* The guided tour of ui/tour.py: a dialogue that is no trap, beside what it speaks of. Texts only as textContent. */
window.Explorer.mountTour = (() => {
  "use strict";
  const { openTab, say } = window.Explorer;

  const KEPT = "explorer-tour";
  const remembered = () => { try { return localStorage.getItem(KEPT); } catch { return "closed"; } };
  const remember = () => { try { localStorage.setItem(KEPT, "closed"); } catch { /* storage may be forbidden in a frame */ } };
  const visible = (element) => element.getClientRects().length > 0;

  function make(tag, name, text = "", attributes = {}) {
    const made = document.createElement(tag);
    made.className = name;
    made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  return (element, props) => {
    const stops = JSON.parse(props.value), root = element.querySelector(".xp-tour");
    let at = -1, from = null, marked = null;

    const box = make("div", "xp-tour-box", "", { role: "dialog", "aria-modal": "false", "aria-labelledby": "xp-tour-title", "aria-describedby": "xp-tour-text" });
    const count = make("p", "xp-tour-count"), title = make("h2", "xp-tour-title", "", { id: "xp-tour-title", tabindex: "-1" });
    const text = make("p", "xp-tour-text", "", { id: "xp-tour-text" }), row = make("div", "xp-tour-row");
    const skip = make("button", "xp-tour-skip", say("Skip the tour"), { type: "button" });
    const back = make("button", "xp-tour-back", say("Back"), { type: "button" });
    const next = make("button", "xp-tour-next", say("Next"), { type: "button" });
    row.append(skip, back, next);
    box.append(count, title, text, row);
    box.hidden = true;
    root.replaceChildren(box);

    function unmark() {
      marked?.classList.remove("xp-tour-here");
      marked = null;
    }
    /* The first of the places that can be seen; while an earlier one may still come into sight, it is looked for again. */
    function point(stop, tries = 20) {
      const places = stop.at.split(",").map((place) => [...document.querySelectorAll(place)].find(visible)), found = places.find(Boolean);
      if (!places[0] && tries) setTimeout(() => { if (stops[at] === stop) point(stop, tries - 1); }, 150);
      if (!found || found === marked) return;
      unmark();
      marked = found;
      found.classList.add("xp-tour-here");
      const smooth = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
      found.scrollIntoView({ block: "nearest", behavior: smooth });
    }
    function go(to) {
      at = to;
      const stop = stops[at];
      count.textContent = say("Step {at} of {count}", { at: at + 1, count: stops.length });
      title.textContent = say(stop.title);
      text.textContent = say(stop.text);
      back.disabled = at === 0;
      next.textContent = say(at + 1 < stops.length ? "Next" : "Done");
      skip.hidden = at + 1 === stops.length;
      box.hidden = false;
      unmark();
      openTab(stop.tab);
      point(stop);
      title.focus({ preventScroll: true }); // a screen reader says the step, Tab goes to its buttons
    }
    function close() {
      box.hidden = true;
      at = -1;
      unmark();
      remember();
      (from?.isConnected ? from : document.querySelector(".xp-tour-open"))?.focus({ preventScroll: true });
    }

    next.addEventListener("click", () => (at + 1 < stops.length ? go(at + 1) : close()));
    back.addEventListener("click", () => go(Math.max(0, at - 1)));
    skip.addEventListener("click", close);
    box.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); close(); } });
    document.addEventListener("click", (event) => {
      const button = event.target.closest?.(".xp-tour-open");
      if (button) { from = button; go(0); }
    });

    /* Offered, not forced, on a first visit: a line with two buttons that takes no focus; never over a shared link. */
    if (remembered() || new URLSearchParams(location.search).has("s")) return;
    const offer = make("div", "xp-tour-offer", "", { role: "region", "aria-label": say("Tour") });
    const words = make("span", "", say("New here? Six steps show what there is."));
    const yes = make("button", "xp-tour-next", say("Start the tour"), { type: "button" }), no = make("button", "xp-tour-skip", say("No, thanks"), { type: "button" });
    offer.append(words, yes, no);
    root.append(offer);
    const done = () => { offer.remove(); remember(); };
    yes.addEventListener("click", () => { done(); from = null; go(0); });
    no.addEventListener("click", done);
    document.addEventListener("click", (event) => { if (event.target.closest?.(".xp-tour-open")) done(); });
  };
})();

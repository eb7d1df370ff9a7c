"use strict";
(() => {
  const content = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };
  const drawn = new Set();

  const scheme = () => content.templates[dark.matches ? "dark" : "light"];

  function draw(place) {
    const figure = content.figures[place.dataset.figure];
    const layout = { ...figure.layout, template: scheme(), autosize: true };
    const narrow = place.clientWidth < 520;
    if (narrow) fitTelephone(layout);
    window.Plotly.react(place, figure.data, layout, { ...config, displayModeBar: narrow ? false : "hover" })
      .then(() => drawn.add(place));
  }

  // No room for names beside the lines, nor for gestures inside a figure: a tap shows a value.
  function fitTelephone(layout) {
    layout.dragmode = false;
    layout.margin = { ...layout.margin, l: 52, r: 12 };
    layout.xaxis = { ...layout.xaxis, tickangle: 0, tickfont: { size: 10 } };
    if (!layout.meta || !layout.meta.names_at_ends) return;
    layout.annotations = [];
    layout.showlegend = true;
    layout.legend = { orientation: "h", y: -0.2, yanchor: "top", x: 0 };
    layout.height += 70;
    layout.margin.b += 70;
  }

  const sight = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting && !drawn.has(entry.target)) draw(entry.target);
    }
  }, { rootMargin: "400px" });
  document.querySelectorAll("[data-figure]").forEach((place) => sight.observe(place));
  dark.addEventListener("change", () => drawn.forEach(draw));
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("[data-figure]").forEach((place) => place.offsetParent && draw(place));
  });

  const benchmark = document.getElementById("benchmark");
  const subject = document.getElementById("subject");
  function choose() {
    if (!benchmark || !subject) return;
    document.querySelectorAll("[data-benchmark]").forEach((part) => {
      part.hidden = part.dataset.benchmark !== benchmark.value || part.dataset.subject !== subject.value;
    });
    document.querySelectorAll("[data-for]").forEach((part) => {
      const wanted = document.querySelector(`${part.dataset.for}:not([hidden])`);
      part.hidden = Boolean(wanted);
    });
  }
  for (const select of [benchmark, subject]) if (select) select.addEventListener("change", choose);
  choose();
})();

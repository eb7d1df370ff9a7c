"use strict";
(() => {
  const content = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };
  const selects = Object.fromEntries(["runs", "metric", "benchmark", "subject"].map((id) => [id, document.getElementById(id)]));
  const drawn = new Set();
  const places = () => [...document.querySelectorAll("[data-block]")];
  // Blocks as they came, before a figure is drawn into them.
  const blocks = new Map(places().map((place) => [place.dataset.hash, place.innerHTML]));
  const unpacked = new Map();

  const scheme = () => content.templates[dark.matches ? "dark" : "light"];

  function draw(place) {
    const figure = content.figures[place.dataset.figure];
    const layout = { ...structuredClone(figure.layout), template: scheme(), autosize: true };
    const narrow = place.clientWidth < 520;
    if (narrow) fitTelephone(layout);
    window.Plotly.react(place, structuredClone(figure.data), layout, { ...config, displayModeBar: narrow ? false : "hover" })
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
      if (entry.isIntersecting && entry.target.isConnected && !drawn.has(entry.target)) draw(entry.target);
    }
  }, { rootMargin: "400px" });
  const watch = (part) => part.querySelectorAll("[data-figure]").forEach((place) => sight.observe(place));
  dark.addEventListener("change", () => drawn.forEach(draw));
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("[data-figure]").forEach((place) => place.offsetParent && draw(place));
  });

  // The numbers of a figure as a table, made when somebody asks for them.
  document.addEventListener("toggle", (event) => {
    const place = event.target.open && event.target.querySelector(":scope > [data-numbers]:empty");
    if (place) place.append(tableOf(content.figures[place.dataset.numbers]));
  }, true);

  const short = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : String(value));

  function tableOf(figure) {
    const table = document.createElement("table");
    for (const trace of figure.data) {
      if (trace.fill === "toself" || trace.name === "front") continue;
      const row = table.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = trace.name;
      row.append(head);
      [...trace.x].forEach((x, at) => { row.insertCell().textContent = `${short(x)}: ${short(trace.y[at])}`; });
    }
    return table;
  }

  const chosenRuns = () => content.choices[Number(selects.runs.value)];
  const chosenView = () => chosenRuns().views.find((view) => view.metric === selects.metric.value);

  function unpack(number) {
    if (!unpacked.has(number)) unpacked.set(number, inflated(document.getElementById(`pack-${number}`).textContent));
    return unpacked.get(number);
  }

  async function inflated(text) {
    const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const found = JSON.parse(await new Response(stream).text());
    Object.entries(found.blocks).forEach(([name, html]) => blocks.set(name, html));
    Object.assign(content.figures, found.figures);
  }

  function fill(place, hash) {
    if (place.dataset.hash === hash) return;
    place.querySelectorAll("[data-figure]").forEach((figure) => {
      sight.unobserve(figure);
      if (drawn.delete(figure)) window.Plotly.purge(figure);
    });
    place.innerHTML = blocks.get(hash);
    place.dataset.hash = hash;
    watch(place);
  }

  function offer(select, options) {
    const before = select.value;
    select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
    if (options.some(([value]) => value === before)) select.value = before;
  }

  async function show() {
    offer(selects.metric, chosenRuns().views.map((view) => [view.metric, view.label]));
    const view = chosenView();
    try {
      await unpack(Number(selects.runs.value));
    } catch {
      document.getElementById("shown").textContent = "This browser cannot unpack the other views; a newer one can.";
      document.getElementById("shown").classList.remove("unseen");
      return;
    }
    if (view !== chosenView()) return; // something else was chosen meanwhile
    places().forEach((place) => fill(place, view.blocks[place.dataset.block]));
    offer(selects.benchmark, view.benchmarks.map((name) => [name, name]));
    offer(selects.subject, view.subjects.map((name) => [name, name]));
    choose();
    document.getElementById("shown").textContent = `${view.label} of ${chosenRuns().runs} is shown.`;
  }

  function choose() {
    document.querySelectorAll("[data-benchmark]").forEach((part) => {
      part.hidden = part.dataset.benchmark !== selects.benchmark.value || part.dataset.subject !== selects.subject.value;
    });
    document.querySelectorAll("[data-for]").forEach((part) => {
      part.hidden = Boolean(document.querySelector(`${part.dataset.for}:not([hidden])`));
    });
  }

  for (const name of ["runs", "metric"]) selects[name].addEventListener("change", show);
  for (const name of ["benchmark", "subject"]) selects[name].addEventListener("change", choose);
  watch(document);
  choose();
})();

/* The heat maps of ui/comparison.py follow the slider without a round trip: their full-width vectors come once, with
   the comparison, and each step cuts them here. The arithmetic is truncation_math.js's. */
Object.assign(window.Explorer, (() => {
  "use strict";
  const { say } = window.Explorer;
  let waiting = false, asked = 0;

  /* The slider's listener: of many steps within one frame the last one is drawn. */
  function matrixWidth(width) {
    asked = Number(width);
    if (!waiting) {
      waiting = true;
      requestAnimationFrame(() => { waiting = false; step(asked); });
    }
    return width;
  }

  /* The marks and the handle of the sliders of some figures are heard here first. A mark's click goes on to gradio when the
     figure is painted and no other mark was pressed: with each event gradio copies the values of everything that is drawn,
     which takes longer, and of clicks in quick succession it needs the last one only. */
  const followers = new Map(); // the figure -> what it does at a width
  const hearFirst = (figure, follow) => followers.set(figure, follow);
  const RESTS = 150; // ms
  let passing = false, passes = 0;
  function pass(mark) {
    clearTimeout(passes);
    passes = setTimeout(() => { passing = true; mark.click(); passing = false; }, RESTS);
  }
  function heard(event) {
    const place = passing ? null : event.target.closest?.(".xp-width")?.closest(".xp-out");
    const [, follow] = (place && [...followers].find(([figure]) => place.querySelector(figure))) || [];
    if (!follow) return;
    if (event.type === "input") { clearTimeout(passes); follow(event.target.value); return; }
    const mark = event.target.closest("[data-event='pick']");
    if (!mark) return;
    event.stopPropagation();
    follow(mark.dataset.index);
    pass(mark);
  }
  for (const name of ["click", "input"]) document.addEventListener(name, heard, true);
  hearFirst("#similarity-figure-1", matrixWidth);

  /* A figure from the server at a width that the slider has left since: drawn again at the slider's. */
  function matrixFollow(chart) {
    if (asked && usable(chart, asked) && chart.spec.title !== titleOf(chart, asked)) matrixWidth(asked);
  }
  const titleOf = (chart, width) => say("{task} · {measure} · {width} dimensions", { task: chart.vectors.task, measure: chart.spec.valueName, width });

  function step(width) {
    const charts = [...window.Explorer.charts].filter((chart) => usable(chart, width));
    if (!charts.length) return;
    const start = performance.now();
    const tables = charts.map((chart) => cells(chart, width)), [low, high] = limits(charts, tables);
    charts.forEach((chart, at) => show(chart, tables[at], low, high, width));
    for (const chart of charts) chart.plot.dataset.ms = (performance.now() - start).toFixed(1);
  }
  function usable(chart, width) {
    if (!chart.element.isConnected) window.Explorer.charts.delete(chart);
    const { vectors, spec, plot } = chart;
    return chart.element.isConnected && vectors && plot.data && spec?.items.length === vectors.count && width >= 1 && width <= vectors.full;
  }

  /* Rows of float32: cosine, the dot product of unit vectors, which is the same, or their distance. */
  function cells(chart, width) {
    const { count, full, values } = chart.vectors, { rows, cols, valueName } = chart.spec;
    chart.engine ??= window.LabMath.create(window.LabMath.floats(values), count, full);
    const table = chart.engine.cosines(width), far = valueName === "euclidean";
    return rows.map((r) => Float32Array.from(cols, (c) => {
      const cosine = table[r * count + c];
      return far ? (r === c ? 0 * cosine : Math.sqrt(Math.max(0, 2 - 2 * cosine))) : cosine;
    }));
  }

  /* One scale for all figures: the range of their cells, of a square one without its diagonal, as ui/ranking.py has it. */
  function limits(charts, tables) {
    const ends = charts.map((chart, at) => {
      const { rows, cols } = chart.spec, square = rows.length > 1 && rows.length === cols.length && rows.every((r, i) => r === cols[i]);
      let low = Infinity, high = -Infinity;
      tables[at].forEach((row, r) => row.forEach((x, c) => { if ((square && r === c) || !Number.isFinite(x)) return; if (x < low) low = x; if (x > high) high = x; }));
      if (low > high) return [0, 1];
      return high - low > 1e-6 ? [low, high] : [low - 0.5, high + 0.5];
    });
    return [Math.min(...ends.map((one) => one[0])), Math.max(...ends.map((one) => one[1]))];
  }

  function show(chart, z, zmin, zmax, width) {
    const { spec, plot } = chart, title = titleOf(chart, width);
    spec.summary = spec.summary.replace(spec.title, title);
    spec.title = title;
    Object.assign(spec.trace, { z, zmin, zmax });
    chart.title.textContent = title;
    plot.setAttribute("aria-label", `${spec.summary} ${say("Arrow keys move over the cells, Enter opens the pair.")}`);
    window.Plotly.restyle(plot, { z: [z], zmin, zmax });
    plot.dataset.drawn = String(Number(plot.dataset.drawn || 0) + 1);
  }

  return { hearFirst, matrixFollow, matrixWidth };
})());

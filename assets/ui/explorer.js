/* The browser half of ui/charts.py and ui/cards.py: draws the figures that Python describes, and sends
   clicks back. Loaded once per page, before any component mounts. Texts are only ever set as textContent. */
Object.assign(window.Explorer, (() => {
  "use strict";
  const { say } = window.Explorer;

  const MIN_LABELLED_CELL = 10; // px: below this, labels and thumbnails are only in the tooltip
  const coarse = matchMedia("(pointer: coarse)").matches;

  /* Where a page has a base, plotly writes the address of the moment into its clip paths, and what they clip is gone from
     the page once the address keeps a setting. Gradio's base is the page's own folder, as it would be without one. */
  document.querySelector("base[href='./']")?.remove();

  const plotly = new Promise((resolve) => {
    const poll = () => (window.Plotly ? resolve(window.Plotly) : setTimeout(poll, 30));
    poll();
  });

  const isDark = () => document.body.classList.contains("dark");
  const css = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const inks = () => ({ text: css("--xp-ink"), soft: css("--xp-ink-soft"), line: css("--xp-line"), paper: css("--xp-card") });

  /* Two charts side by side must share one size: the gutter depends on the width alone. */
  function sizing(spec, width) {
    const { rows, cols, kind } = spec;
    const left = Math.round(Math.min(210, Math.max(88, width * 0.27)));
    if (kind === "strip") {
      const cell = Math.max(14, Math.min(44, 640 / rows.length));
      return { left, top: 12, right: 18, bottom: 44, rowHeight: cell, colWidth: (width - left - 18) / cols.length,
               height: 12 + 44 + Math.round(cell * rows.length) };
    }
    const top = Math.round(Math.min(150, Math.max(72, width * 0.22)));
    const right = 8, bottom = 54;
    const colWidth = (width - left - right) / cols.length;
    const rowHeight = Math.min(colWidth, 64, Math.max(8, 620 / rows.length));
    return { left, top, right, bottom, colWidth, rowHeight, height: top + bottom + Math.round(rowHeight * rows.length) };
  }

  const plain = (label) => label.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const ruler = document.createElement("canvas").getContext("2d");
  const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

  /* How many of these characters fit: measured, as scripts differ in width. */
  function fitting(characters, pixels) {
    let low = 0, high = characters.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (ruler.measureText(characters.slice(0, middle).join("")).width <= pixels) low = middle;
      else high = middle - 1;
    }
    return Math.max(1, low);
  }

  /* A label in the room it has: on up to `lines` lines, broken between words where possible. */
  function fitted(label, pixels, size, lines) {
    ruler.font = `${size}px ${FONT}`;
    const out = [];
    let rest = Array.from(label); // by character, so that no emoji is cut in two
    while (out.length + 1 < lines && fitting(rest, pixels) < rest.length) {
      const room = fitting(rest, pixels), space = rest.lastIndexOf(" ", room), end = space > room / 3 ? space : room;
      out.push(rest.slice(0, end).join(""));
      rest = Array.from(rest.slice(end).join("").trimStart());
    }
    const room = fitting(rest, pixels);
    const last = room >= rest.length ? rest.join("") : rest.slice(0, Math.max(1, room - 1)).join("").trimEnd() + "…";
    return [...out, last].map(plain).join("<br>");
  }

  function axisDecor(spec, box, width) {
    const ticks = { x: [[], []], y: [[], []] }, images = [];
    const plotW = width - box.left - box.right, plotH = box.height - box.top - box.bottom;
    const add = (axis, order, cell, gutter) => {
      if (cell < MIN_LABELLED_CELL) return 0;
      const size = Math.min(12, Math.max(9, cell * 0.8));
      order.forEach((id, at) => {
        const item = spec.items[id];
        if (!item.thumb) {
          ticks[axis][0].push(at);
          ticks[axis][1].push(fitted(item.label, gutter - 14, size, Math.max(1, Math.min(3, Math.floor(cell / (size * 1.3))))));
          return;
        }
        const side = Math.min(cell * 0.92, 56, gutter - 10);
        const common = { source: item.thumb, sizing: "contain", xanchor: "center", yanchor: "middle", layer: "above" };
        const w = side / plotW, h = side / plotH;
        images.push(axis === "x"
          ? { ...common, xref: "x", yref: "paper", x: at, y: 1 + (side / 2 + 5) / plotH, sizex: side / box.colWidth, sizey: h }
          : { ...common, xref: "paper", yref: "y", x: -(side / 2 + 6) / plotW, y: at, sizex: w, sizey: side / box.rowHeight });
      });
      return size;
    };
    const fontY = add("y", spec.rows, box.rowHeight, box.left);
    const fontX = spec.kind === "strip" ? 0 : add("x", spec.cols, box.colWidth, box.top);
    return { ticks, images, fontX, fontY };
  }

  function layoutOf(spec, box, width) {
    const ink = inks(), { ticks, images, fontX, fontY } = axisDecor(spec, box, width);
    const axis = { showgrid: false, zeroline: false, ticks: "", color: ink.soft, fixedrange: coarse, automargin: false };
    const x = spec.kind === "strip"
      ? { ...axis, side: "bottom", title: { text: say(spec.xTitle), font: { size: 12 }, standoff: 6 }, range: [-0.5, spec.cols.length - 0.5],
          tickvals: spec.xTicks.map((t) => t - 1), ticktext: spec.xTicks.map(String), ticks: "outside", ticklen: 4, tickcolor: ink.line, tickangle: 0 }
      : { ...axis, side: "top", tickvals: ticks.x[0], ticktext: ticks.x[1], tickangle: -90, tickfont: { size: fontX || 10 },
          range: [-0.5, spec.cols.length - 0.5] };
    const y = { ...axis, autorange: false, range: [spec.rows.length - 0.5, -0.5], tickvals: ticks.y[0], ticktext: ticks.y[1],
                tickfont: { size: fontY || 10 } };
    return {
      width, height: box.height, margin: { l: box.left, r: box.right, t: box.top, b: box.bottom, pad: 4 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: FONT, size: 12, color: ink.text },
      xaxis: x, yaxis: y, images, shapes: spec.shapes ? spec.shapes.map((s) => ({ ...s, line: { ...s.line, color: ink.soft } })) : [],
      dragmode: coarse ? false : "zoom", hovermode: "closest", showlegend: false,
    };
  }

  function traceOf(spec, box) {
    const trace = { ...spec.trace, hoverinfo: "none", hoverongaps: false };
    trace.colorscale = isDark() && spec.darkscale ? spec.darkscale : spec.trace.colorscale;
    const dense = Math.min(box.colWidth, box.rowHeight);
    trace.xgap = spec.kind === "strip" ? 0 : dense > 12 ? 1.5 : 0;
    trace.ygap = spec.kind === "strip" ? Math.min(6, box.rowHeight * 0.18) : trace.xgap;
    if (spec.kind !== "strip" && box.colWidth >= 34 && box.rowHeight >= 18) {
      trace.texttemplate = "%{z:.2f}";
      trace.textfont = { size: Math.min(12, box.colWidth / 3.4) };
    }
    if (spec.trace.showscale) {
      const ink = inks();
      trace.colorbar = { orientation: "h", thickness: 9, len: 0.62, x: 0.5, xanchor: "center", y: 0, yanchor: "top", ypad: 16, outlinewidth: 0,
        tickfont: { size: 11, color: ink.soft }, title: { text: say(spec.valueName), side: "top", font: { size: 12, color: ink.soft } }, nticks: box.colWidth * spec.cols.length < 320 ? 3 : 5 };
    }
    return trace;
  }

  /* ---- tooltip: both partners of a cell, with their pictures ---- */
  function tipFor(host) {
    const tip = document.createElement("div");
    tip.className = "xp-tip";
    tip.hidden = true;
    tip.setAttribute("role", "presentation");
    host.appendChild(tip);
    return tip;
  }
  function face(item) {
    const box = document.createElement("div");
    box.className = "xp-tip-item";
    if (item.thumb && item.thumb.startsWith("data:image/")) {
      const img = document.createElement("img");
      img.src = item.thumb; img.alt = "";
      box.appendChild(img);
    }
    const name = document.createElement("span");
    name.textContent = item.label;
    box.appendChild(name);
    return box;
  }
  function showTip(tip, spec, row, col, z, event) {
    if (coarse) return; // a finger would cover it, and a tap opens the pair anyway
    const value = document.createElement("strong");
    value.textContent = spec.kind === "strip" ? `${say("dimension {number}", { number: col + 1 })}: ${z.toFixed(4)}` : `${say(spec.valueName)} ${z.toFixed(4)}`;
    const faces = [face(spec.items[spec.rows[row]])];
    if (spec.kind !== "strip") faces.push(face(spec.items[spec.cols[col]]));
    tip.replaceChildren(...faces, value);
    tip.hidden = false;
    const { clientX: x, clientY: y } = event, w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = Math.max(8, x + 16 + w > innerWidth ? x - w - 12 : x + 16) + "px";
    tip.style.top = Math.max(8, y + 16 + h > innerHeight ? y - h - 12 : y + 16) + "px";
  }

  /* ---- keyboard: arrows walk over the cells, Enter opens the pair ---- */
  function keyboard(chart) {
    chart.plot.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!chart.spec || chart.spec.kind === "strip") return;
      if (step) {
        event.preventDefault();
        const [r, c] = chart.cursor || [0, -1], clamp = (v, n) => Math.max(0, Math.min(n - 1, v));
        mark(chart, clamp(r + step[0], chart.spec.rows.length), clamp(c + step[1], chart.spec.cols.length));
      } else if ((event.key === "Enter" || event.key === " ") && chart.cursor) {
        event.preventDefault();
        pick(chart, ...chart.cursor);
      }
    });
  }
  function mark(chart, row, col) {
    chart.cursor = [row, col];
    const shape = { type: "rect", x0: col - 0.5, x1: col + 0.5, y0: row - 0.5, y1: row + 0.5, line: { width: 2.5, color: css("--xp-mark") } };
    window.Plotly.relayout(chart.plot, { shapes: [...(chart.spec.shapes || []), shape] });
    const z = chart.plot.calcdata[0][0].z[row][col], { items, rows, cols, valueName } = chart.spec;
    chart.live.textContent = `${items[rows[row]].label} — ${items[cols[col]].label}: ${say(valueName)} ${z.toFixed(3)}`;
  }
  function pick(chart, row, col) {
    if (chart.spec.kind !== "strip") mark(chart, row, col);
    chart.trigger("cell", { row: chart.spec.rows[row], col: chart.spec.kind === "strip" ? col : chart.spec.cols[col] });
  }

  async function png(chart) {
    const Plotly = await plotly, layout = { ...chart.plot.layout, paper_bgcolor: inks().paper, shapes: chart.spec.shapes || [] };
    const { width, height } = layout;
    const url = await Plotly.toImage({ data: chart.plot.data, layout }, { format: "png", width, height, scale: 2 });
    const link = document.createElement("a");
    link.href = url;
    link.download = (chart.spec.fileName || "figure") + ".png";
    link.click();
  }

  async function draw(chart) {
    const { spec, plot } = chart;
    chart.element.classList.toggle("xp-empty", !spec); // first: a hidden figure has no width
    const width = plot.clientWidth;
    if (!spec || width < 60) return;
    const Plotly = await plotly, box = sizing(spec, width);
    chart.width = width;
    plot.setAttribute("aria-label", spec.kind === "strip" ? spec.summary : `${spec.summary} ${say("Arrow keys move over the cells, Enter opens the pair.")}`);
    chart.title.textContent = spec.title;
    await Plotly.react(plot, [traceOf(spec, box)], layoutOf(spec, box, width), { displayModeBar: false, responsive: false, doubleClick: "reset" });
    if (!chart.bound) bind(chart);
    plot.dataset.drawn = String(Number(plot.dataset.drawn || 0) + 1);
  }

  function bind(chart) {
    const { plot } = chart;
    chart.bound = true;
    const at = (event) => { const p = event.points[0]; return [Math.round(p.y), Math.round(p.x), p.z]; };
    plot.on("plotly_click", (event) => { const [r, c] = at(event); pick(chart, r, c); });
    plot.on("plotly_hover", (event) => { const [r, c, z] = at(event); showTip(chart.tip, chart.spec, r, c, z, event.event); });
    plot.on("plotly_unhover", () => { chart.tip.hidden = true; });
    keyboard(chart);
  }

  const parse = (text) => { try { return text ? JSON.parse(text) : null; } catch { return null; } };
  const charts = new Set(); // those on the page, for matrix_live.js

  function mountChart(element, props, trigger, watch) {
    const find = (name) => element.querySelector(name);
    const chart = { element, trigger, plot: find(".xp-plot"), title: find(".xp-chart-title"), live: find(".xp-live"), spec: parse(props.value) };
    chart.tip = tipFor(element);
    find(".xp-png").addEventListener("click", () => png(chart));
    const follow = () => window.Explorer.matrixFollow(chart); // the answer may be older than the slider
    watch("value", () => { chart.spec = parse(props.value); chart.cursor = null; chart.live.textContent = ""; draw(chart).then(follow); });
    watch("vectors", () => { chart.vectors = parse(props.vectors); chart.engine = null; follow(); });
    chart.vectors = parse(props.vectors);
    charts.add(chart);
    new ResizeObserver(() => { if (Math.abs(chart.plot.clientWidth - (chart.width || 0)) > 2) draw(chart); }).observe(chart.plot);
    new MutationObserver(() => draw(chart)).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    draw(chart);
  }

  /* Cards and chips: any element with data-event sends that event with its data-index, which a listener that needs no
     server finds in `clickedIndex`. */
  let clicked = null;
  const clickedIndex = () => clicked;
  function mountClicks(element, trigger) {
    element.addEventListener("click", (event) => {
      const target = event.target.closest("[data-event]");
      if (!target || !element.contains(target)) return;
      clicked = Number(target.dataset.index);
      trigger(target.dataset.event, { index: clicked });
    });
  }

  /* ---- pictures by drop, paste or dialogue; the server's answer is the path it stored each under ---- */
  function mountDrop(element, trigger, upload) {
    const input = element.querySelector("input[type=file]"), button = element.querySelector(".xp-choose");
    const said = element.querySelector(".xp-uploading");
    async function send(files) {
      const list = Array.from(files).slice(0, input.multiple ? 64 : 1);
      if (!list.length) return;
      said.textContent = say(list.length === 1 ? "Uploading a picture …" : "Uploading {count} pictures …", { count: list.length });
      const done = await Promise.allSettled(list.map((file) => upload(file)));
      const paths = done.filter((d) => d.status === "fulfilled" && d.value?.path).map((d) => d.value.path);
      const lost = list.length - paths.length;
      said.textContent = lost ? say("{lost} could not be uploaded: at most 64 MB each", { lost }) : "";
      if (paths.length) trigger("dropped", { paths });
    }
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => { send(input.files); input.value = ""; });
    for (const name of ["dragenter", "dragover"]) element.addEventListener(name, (event) => { event.preventDefault(); element.classList.add("xp-over"); });
    for (const name of ["dragleave", "drop"]) element.addEventListener(name, () => element.classList.remove("xp-over"));
    element.addEventListener("drop", (event) => { event.preventDefault(); send(event.dataTransfer.files); });
    element.addEventListener("paste", (event) => { if (event.clipboardData.files.length) { event.preventDefault(); send(event.clipboardData.files); } });
  }

  /* ---- theme: follows the system until a visitor chooses, then remembers ---- */
  function setTheme(dark) {
    document.body.classList.toggle("dark", dark);
    document.querySelectorAll(".xp-theme").forEach((b) => b.setAttribute("aria-pressed", String(dark)));
  }
  function mountTheme(element) {
    const asked = new URLSearchParams(location.search).get("__theme");
    let kept = null;
    try { kept = localStorage.getItem("explorer-theme"); } catch { /* storage may be forbidden in an iframe */ }
    if (!asked && kept) setTheme(kept === "dark");
    element.addEventListener("click", (event) => {
      if (!event.target.closest(".xp-theme")) return;
      setTheme(!isDark());
      try { localStorage.setItem("explorer-theme", isDark() ? "dark" : "light"); } catch { /* as above */ }
    });
  }

  return { charts, clickedIndex, mountChart, mountClicks, mountDrop, mountTheme };
})());

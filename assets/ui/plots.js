/* The browser half of ui/plots.py: draws plotly figures in the page's theme, shows their numbers as a table, saves
   them, and draws a line at the width of a slider. Texts are only ever set as textContent. */
Object.assign(window.Explorer, (() => {
  "use strict";
  const { say } = window.Explorer;
  const NARROW = 520, WIDE_NAME = 22, SHOWN_ROWS = 400;
  const coarse = matchMedia("(pointer: coarse)").matches;
  const parse = (text) => { try { return text ? JSON.parse(text) : null; } catch { return null; } };
  const css = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const plots = new Set(), widths = {};

  const plotly = new Promise((resolve) => {
    const poll = () => (window.Plotly ? resolve(window.Plotly) : setTimeout(poll, 30));
    poll();
  });

  /* No room for names beside the lines: they go below; a long title of the axis takes two lines. */
  function fitTelephone(layout) {
    const words = layout.xaxis?.title?.text ?? "", space = words.indexOf(" ", words.length / 2 - 4), long = words.length > 28 && space > 0;
    layout.margin = { ...layout.margin, l: 46, r: 10, b: layout.margin.b + (long ? 14 : 0) };
    layout.xaxis = { ...layout.xaxis, tickangle: 0, tickfont: { size: 10 }, title: { ...layout.xaxis?.title, font: { size: 11 }, text: long ? `${words.slice(0, space)}<br>${words.slice(space + 1)}` : words } };
    thin(layout);
    if (!layout.meta?.names_at_ends) return;
    layout.annotations = [];
    layout.showlegend = true;
    layout.legend = { orientation: "h", y: -0.24, yanchor: "top", x: 0 };
    layout.height += 90;
    layout.margin = { ...layout.margin, b: layout.margin.b + 90 };
  }

  /* Fewer ticks, so that they do not run into each other; rows have short names, the longest in two lines. */
  function thin(layout) {
    const { tickvals, ticktext } = layout.xaxis, rows = layout.yaxis?.categoryarray;
    if (tickvals?.length > 6) layout.xaxis = { ...layout.xaxis, tickvals: tickvals.filter((_, at) => at % 2 === 0), ticktext: ticktext?.filter((_, at) => at % 2 === 0) };
    else if (!tickvals) layout.xaxis = { ...layout.xaxis, nticks: 5 };
    if (!rows) return;
    layout.yaxis = { ...layout.yaxis, tickvals: rows, ticktext: rows.map(brief), tickfont: { size: 10 } };
    if (rows.some((name) => brief(name).includes("<br>"))) layout.height += rows.length * 8;
  }
  function brief(whole) {
    const name = whole.replace(/(late) interaction/, "$1"), at = name.lastIndexOf(" ", WIDE_NAME);
    return name.length > WIDE_NAME && at > 0 ? `${name.slice(0, at)}<br>${name.slice(at + 1)}` : name;
  }

  function layoutOf(plot, width) {
    const { spec } = plot, dark = document.body.classList.contains("dark");
    const layout = { ...spec.layout, template: spec.templates[dark ? "dark" : "light"], width, dragmode: coarse ? false : "zoom" };
    if (width < NARROW) fitTelephone(layout);
    layout.shapes = [...(spec.layout.shapes ?? []), ...lineOf(plot)];
    return layout;
  }
  const widthOf = ({ spec }) => (spec.group && widths[spec.group]) || spec.width;
  function lineOf(plot) {
    const at = widthOf(plot);
    if (!at) return [];
    const line = { color: css("--xp-mark"), width: 1.5, dash: "dot" };
    return plot.spec.times.map((times) => ({ type: "line", x0: at * times, x1: at * times, yref: "paper", y0: 0, y1: 1, layer: "below", line }));
  }

  async function draw(plot) {
    const { spec, place } = plot;
    plot.element.classList.toggle("xp-empty", !spec); // first: a hidden figure has no width
    const width = place.clientWidth;
    if (!spec || width < 60) return;
    const Plotly = await plotly;
    plot.width = width;
    plot.title.textContent = spec.title;
    place.setAttribute("aria-label", `${spec.about}. ${say("The numbers are in the table below the figure.")}`);
    await Plotly.react(place, spec.data, layoutOf(plot, width), { displayModeBar: false, responsive: false, doubleClick: "reset" });
    place.dataset.drawn = String(Number(place.dataset.drawn || 0) + 1);
    if (widthOf(plot)) place.dataset.marked = String(widthOf(plot));
  }

  /* What is out of sight waits for a quiet moment, one figure after the other: drawing one takes as long as many steps
     of a slider, and the tab may be left before. */
  const NEAR = 200, LATEST = 2000; // px, ms
  const waiting = new Set();
  const quiet = window.requestIdleCallback ?? ((act) => setTimeout(act, 200)); // Safari has none
  function isNear({ element }) {
    const { top, bottom } = element.getBoundingClientRect();
    return bottom > -NEAR && top < innerHeight + NEAR;
  }
  function show(plot) {
    plot.element.classList.toggle("xp-empty", !plot.spec);
    if (!plot.spec || isNear(plot)) { waiting.delete(plot); draw(plot); return; }
    if (!waiting.size) quiet(next, { timeout: LATEST });
    waiting.add(plot);
  }
  function next() {
    const [plot] = waiting;
    waiting.delete(plot);
    if (plot?.element.isConnected) draw(plot);
    if (waiting.size) quiet(next, { timeout: LATEST });
  }

  function markWidth(group, width) {
    widths[group] = width;
    for (const plot of plots) {
      if (!plot.element.isConnected) plots.delete(plot);
      else if (plot.spec?.group === group && plot.place.data && window.Plotly) {
        window.Plotly.relayout(plot.place, { shapes: [...(plot.spec.layout.shapes ?? []), ...lineOf(plot)] });
        plot.place.dataset.marked = String(width);
      }
    }
  }

  /* ---- the numbers ---- */
  const columns = (spec) => [...new Set(spec.table.flatMap(Object.keys))];
  const shown = (value) => (typeof value === "number" && !Number.isInteger(value) ? value.toFixed(4) : String(value ?? ""));
  function fill(plot) {
    const { numbers, spec } = plot, box = numbers.querySelector("div");
    if (!spec || !numbers.open) return;
    const table = document.createElement("table"), head = table.createTHead().insertRow(), body = table.createTBody(), names = columns(spec);
    table.className = "xp-table xp-numbers";
    for (const name of names) head.append(Object.assign(document.createElement("th"), { scope: "col", textContent: name }));
    for (const row of spec.table.slice(0, SHOWN_ROWS)) {
      const line = body.insertRow();
      for (const name of names) line.insertCell().textContent = shown(row[name]);
    }
    const scroll = Object.assign(document.createElement("div"), { className: "xp-scroll", tabIndex: 0 });
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", say("Numbers of {title}", { title: spec.title }));
    scroll.append(table);
    const more = spec.table.length - SHOWN_ROWS;
    const rest = more > 0 ? [Object.assign(document.createElement("p"), { className: "xp-explain", textContent: say("{count} more rows are in the CSV.", { count: more }) })] : [];
    box.replaceChildren(scroll, ...rest);
  }

  /* ---- files ---- */
  function give(name, content, type) {
    const link = document.createElement("a"), made = typeof content === "string" && content.startsWith("data:");
    link.href = made ? content : URL.createObjectURL(new Blob([content], { type }));
    link.download = name;
    link.click();
    if (!made) setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
  /* Rows of mappings as CSV; no spreadsheet may take a text for a formula: a quote before a dangerous beginning. */
  function csvOf(rows, names = [...new Set(rows.flatMap(Object.keys))]) {
    const quote = (value) => {
      const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : String(value ?? "");
      return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
    };
    return [names, ...rows.map((row) => names.map((name) => row[name]))].map((line) => line.map(quote).join(",")).join("\r\n") + "\r\n";
  }
  const solid = (plot) => ({ ...plot.place.layout, paper_bgcolor: css("--xp-card"), title: { text: plot.spec.title.replace(/&/g, "&amp;").replace(/</g, "&lt;"), x: 0.02, font: { size: 15 } }, margin: { ...plot.place.layout.margin, t: 52 } });

  async function picture(plot) {
    const Plotly = await plotly, layout = solid(plot);
    const url = await Plotly.toImage({ data: plot.place.data, layout }, { format: "png", width: layout.width, height: layout.height, scale: 2 });
    give(`${plot.spec.name}.png`, url);
  }
  /* A page of its own, with plotly.js from this server in it. */
  async function page(plot) {
    const script = await (await fetch("explorer/plotly.min.js")).text(), open = (tag) => "<" + tag + ">", shut = (tag) => "<" + "/" + tag + ">";
    const { width, shapes, ...layout } = solid(plot);
    const data = JSON.stringify({ data: plot.spec.data, layout: { ...layout, shapes: plot.spec.layout.shapes ?? [], autosize: true } }).replace(/</g, "\\u003c");
    const style = `body{margin:0;padding:12px;background:${css("--xp-card")}}`;
    const lines = ["<" + "!doctype html>", "<" + `html lang='${document.documentElement.lang}'>`, "<" + "meta charset='utf-8'>", "<" + "meta name='viewport' content='width=device-width'>", open("title"), plot.spec.title.replace(/[<&]/g, ""), shut("title"),
      open("style"), style, shut("style"), "<" + "div id='figure'>", shut("div"), open("script"), script, shut("script"),
      open("script"), `const f = ${data}; Plotly.newPlot("figure", f.data, f.layout, {responsive: true, displaylogo: false});`, shut("script")];
    give(`${plot.spec.name}.html`, lines.join("\n"), "text/html");
  }
  const saves = {
    png: picture, html: page,
    json: (plot) => give(`${plot.spec.name}.json`, JSON.stringify({ data: plot.spec.data, layout: plot.spec.layout }, null, 1), "application/json"),
    csv: (plot) => give(`${plot.spec.name}.csv`, csvOf(plot.spec.table), "text/csv"),
  };

  function mountPlot(element, props, watch) {
    const find = (name) => element.querySelector(name);
    const plot = { element, place: find(".xp-plot"), title: find(".xp-chart-title"), numbers: find(".xp-figure-numbers"), spec: parse(props.value) };
    plots.add(plot);
    element.querySelectorAll("[data-save]").forEach((b) => b.addEventListener("click", () => plot.spec && saves[b.dataset.save](plot)));
    plot.numbers.addEventListener("toggle", () => fill(plot));
    watch("value", () => { plot.spec = parse(props.value); show(plot); fill(plot); });
    new ResizeObserver(() => { if (Math.abs(plot.place.clientWidth - (plot.width || 0)) > 2) show(plot); }).observe(plot.place);
    new MutationObserver(() => show(plot)).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    show(plot);
  }

  return { mountPlot, markWidth, give, csvOf };
})());

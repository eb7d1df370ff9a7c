/* What the older figures and tables lacked: heat maps and strips as a page, as JSON and as CSV; tables as CSV. */
Object.assign(window.Explorer, (() => {
  "use strict";
  const { say } = window.Explorer;
  const css = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const mountBare = window.Explorer.mountChart;

  /* The numbers on show with the names of rows and columns: those of the last slider step too. */
  function numbers(element, spec) {
    const plot = element.querySelector(".xp-plot"), name = (at) => spec.items[at].label;
    return {
      title: element.querySelector(".xp-chart-title").textContent,
      measure: plot.data[0].colorbar?.title?.text || say("value"),
      rows: spec.rows.map(name),
      columns: spec.kind === "strip" ? spec.cols.map((at) => `d${at + 1}`) : spec.cols.map(name),
      values: Array.from(plot.calcdata[0][0].z, (row) => Array.from(row, (z) => (Number.isFinite(z) ? Number(z.toPrecision(8)) : null))),
    };
  }
  /* Columns may share a name, so each has its number in front. */
  function csv(found) {
    const names = ["", ...found.columns.map((name, at) => (/^d\d+$/.test(name) ? name : `${at + 1}: ${name}`))];
    return window.Explorer.csvOf(found.values.map((row, at) => Object.fromEntries([["", found.rows[at]], ...row.map((z, k) => [names[k + 1], z])])), names);
  }
  /* A page of its own, with plotly.js from this server in it. */
  async function page(element, spec) {
    const plot = element.querySelector(".xp-plot"), found = numbers(element, spec), script = await (await fetch("explorer/plotly.min.js")).text();
    const text = found.values.map((row, r) => row.map((_, c) => `${plain(found.rows[r])}<br>${spec.kind === "strip" ? say("dimension {number}", { number: c + 1 }) : plain(found.columns[c])}`));
    const { hoverinfo, ...kept } = plot.data[0], layout = { ...plot.layout, paper_bgcolor: css("--xp-card"), shapes: spec.shapes ? plot.layout.shapes : [] };
    const trace = { ...kept, z: found.values, text, hovertemplate: `%{text}<br>${plain(found.measure)} %{z:.4f}<extra></extra>` };
    const top = 46, moved = { ...layout, height: layout.height + top, margin: { ...layout.margin, t: layout.margin.t + top }, title: { text: plain(found.title), x: 0.02, y: 0.985, font: { size: 15 } } };
    const data = JSON.stringify({ data: [trace], layout: moved }).replace(/</g, "\\u003c");
    const open = (tag) => "<" + tag + ">", shut = (tag) => "<" + "/" + tag + ">";
    return ["<" + "!doctype html>", open(`html lang='${document.documentElement.lang}'`), open("meta charset='utf-8'"), open("meta name='viewport' content='width=device-width'"), open("title"), plain(found.title), shut("title"),
      open("style"), `body{margin:0;padding:12px;background:${css("--xp-card")}}`, shut("style"), open("div id='figure'"), shut("div"), open("script"), script, shut("script"),
      open("script"), `const f = ${data}; Plotly.newPlot("figure", f.data, f.layout, {displaylogo: false});`, shut("script")].join("\n");
  }
  async function save(element, props, kind) {
    const spec = props.value ? JSON.parse(props.value) : null, plot = element.querySelector(".xp-plot"), { give } = window.Explorer;
    if (!spec || !plot.calcdata) return;
    const name = spec.fileName || "figure";
    if (kind === "json") give(`${name}.json`, JSON.stringify(numbers(element, spec), null, 1), "application/json");
    else if (kind === "csv") give(`${name}.csv`, csv(numbers(element, spec)), "text/csv");
    else give(`${name}.html`, await page(element, spec), "text/html");
  }
  function mountChart(element, props, trigger, watch) {
    mountBare(element, props, trigger, watch);
    const png = element.querySelector(".xp-png"), row = document.createElement("span");
    row.className = "xp-map-saves";
    png.replaceWith(row);
    row.append(png, ...["html", "json", "csv"].map((kind) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "xp-png", textContent: say("Save {kind}", { kind: kind.toUpperCase() }) });
      button.dataset.save = kind;
      button.addEventListener("click", () => save(element, props, kind));
      return button;
    }));
  }

  /* ---- tables: a button names the component whose table it saves ---- */
  const words = (node) => (node?.textContent ?? "").replace(/\s+/g, " ").trim();
  function tableRows(root) {
    const names = Array.from(root.querySelectorAll("thead th"), (th, at) => words(th) || say("column {number}", { number: at + 1 }));
    return Array.from(root.querySelectorAll("tbody tr"), (tr) => Object.fromEntries(Array.from(tr.cells, (td, at) => [names[at], words(td)])));
  }
  function listRows(root) {
    return Array.from(root.querySelectorAll(".xp-column"), (column) => Array.from(column.querySelectorAll(".xp-hit"), (hit) => ({
      list: words(column.querySelector("h3")), rank: words(hit.querySelector(".xp-rank")), item: words(hit.querySelector(".xp-label")),
      score: hit.dataset.score, share: hit.dataset.share, moved: hit.dataset.moved ?? "",
    }))).flat();
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-table]");
    const root = button && document.getElementById(button.dataset.table);
    if (!root) return;
    const rows = root.querySelector(".xp-column") ? listRows(root) : tableRows(root);
    window.Explorer.give(`${button.dataset.name}.csv`, window.Explorer.csvOf(rows), "text/csv");
  });
  return { mountChart };
})());

/* The numbers of the token and patch maps: products of tokens, what is made of them, and their names. */
window.Explorer.mapData = (() => {
  "use strict";
  const { say } = window.Explorer;
  const quoted = (text) => `“${text.trim() || text.replace(/ /g, "␣").replace(/\n/g, "↵").replace(/\t/g, "⇥")}”`;
  const place = (patch, cols) => say("row {row}, col {col}", { row: Math.floor(patch / cols) + 1, col: (patch % cols) + 1 });


  function floats(typed) {
    const bytes = Uint8Array.from(atob(typed.bdata), (letter) => letter.charCodeAt(0));
    return new Float32Array(bytes.buffer);
  }

  /* ---- the numbers ---- */
  /* A document's map made ready: products, which tokens are the document's own, and the token's place. */
  function ready(map) {
    const [rows, cols] = map.products.shape.split(", ").map(Number), own = new Uint8Array(cols), where = new Array(cols);
    for (const unit of map.units) for (let i = 0; i < unit.count; i++) { own[unit.first + i] = unit.kind === "text" ? 1 : 0; where[unit.first + i] = unit; }
    const grid = map.patches;
    if (grid) for (let i = 0; i < grid.rows * grid.cols; i++) { own[grid.first + i] = 1; where[grid.first + i] = i; }
    const image = new Image();
    image.src = map.picture || "data:,";
    return { ...map, products: floats(map.products), rows, cols, own, where, grid, image, hasPicture: Boolean(map.picture) };
  }
  const isOwn = (token) => token.kind === "text" || token.kind === "image";
  const counted = (view, at) => view.all || isOwn(view.data.query.tokens[at]);
  const askers = (view) => view.data.query.tokens.map((_, at) => at).filter((at) => counted(view, at));

  /* The products of one query token with all tokens of the document; or their max or mean over the query. */
  function rowOf(view, map, choice) {
    if (typeof choice === "number") return map.products.subarray(choice * map.cols, (choice + 1) * map.cols);
    const row = new Float32Array(map.cols).fill(choice === "max" ? -Infinity : 0), asked = askers(view);
    for (const at of asked) for (let i = 0; i < map.cols; i++) {
      const value = map.products[at * map.cols + i];
      row[i] = choice === "max" ? Math.max(row[i], value) : row[i] + value / asked.length;
    }
    return row;
  }
  function bestOf(view, map, row) {
    let best = -1;
    for (let i = 0; i < map.cols; i++) if ((view.all || map.own[i]) && (best < 0 || row[i] > row[best])) best = i;
    return best;
  }
  function limitsOf(view, map, row, choice) {
    if (choice !== "mean" && !view.look.stretch) return view.data.limits;
    const values = Array.from(row).filter((_, i) => map.own[i]);
    return values.length ? [Math.min(...values), Math.max(...values)] : view.data.limits;
  }
  const unitValue = (row, unit) => { let best = -Infinity; for (let i = 0; i < unit.count; i++) best = Math.max(best, row[unit.first + i]); return best; };

  /* Each query token with its best match; shares are of the sum over those that count. */
  function breakdown(view, map) {
    const rows = view.data.query.tokens.map((token, at) => {
      const row = rowOf(view, map, at), best = bestOf(view, map, row);
      return { token, at, counted: counted(view, at) && best >= 0, value: best < 0 ? 0 : row[best], best };
    });
    const total = rows.reduce((sum, row) => sum + (row.counted ? row.value : 0), 0);
    for (const row of rows) row.share = row.counted && total > 0 ? `${((100 * row.value) / total).toFixed(1)} %` : "—";
    return { rows, total, count: rows.filter((row) => row.counted).length };
  }

  /* ---- words for things ---- */
  const tokenName = (token) => token.kind === "image" ? say("patch {row}, {col}", { row: token.row + 1, col: token.col + 1 }) : quoted(token.text) + (token.parts > 1 ? ` ${token.part}/${token.parts}` : "");
  const choiceName = (view, choice) => choice === "max" ? say("Max over the query") : choice === "mean" ? say("Mean over the query") : tokenName(view.data.query.tokens[choice]);
  const matchName = (map, at) => at < 0 ? "—" : typeof map.where[at] === "number" ? place(map.where[at], map.grid.cols) : quoted(map.where[at].text) + (map.where[at].says ? ` ${say("(fixed)")}` : "");
  const scoreOf = (view, doc) => (view.all ? doc.score : doc.own);

  const queryLine = ({ data }) => say("Query: {query} · {model}, task {task}", { query: data.query.label, model: data.model, task: data.task });
  const headings = () => [say("Query token"), say("Product"), say("Share"), say("Best match")];

  /* ---- files ---- */
  const slug = (view) => `late-map-${view.doc.label.replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40)}`;
  function saveJson(view) {
    const map = view.doc.ready, rows = Array.from({ length: map.rows }, (_, at) => Array.from(map.products.subarray(at * map.cols, (at + 1) * map.cols)));
    const tokens = Array.from(map.where, (where, at) => typeof where === "number" ? { kind: "image", row: Math.floor(where / map.grid.cols), col: where % map.grid.cols } : { kind: where.kind, text: where.text, part: at - where.first + 1, parts: where.count });
    const query = view.data.query.tokens.map(({ kind, text, part, parts, row, col }) => kind === "image" ? { kind, row, col } : { kind, text, part, parts });
    const out = { model: view.data.model, task: view.data.task, query: { label: view.data.query.label, tokens: query }, document: { label: view.doc.label, kind: view.doc.kind, grid: map.grid ? [map.grid.rows, map.grid.cols] : null, tokens }, max_sim: view.doc.score, max_sim_own: view.doc.own, products: rows };
    window.Explorer.mapPaint.save(new Blob([JSON.stringify(out)], { type: "application/json" }), `${slug(view)}.json`);
  }
  function saveCsv(view) {
    const cell = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? "'" : "") + text.replace(/"/g, '""')}"`, map = view.doc.ready;
    const lines = breakdown(view, map).rows.map((part) => [cell(tokenName(part.token)), part.token.kind, part.counted, part.value, part.share === "—" ? "" : parseFloat(part.share) / 100, cell(matchName(map, part.best))].join(","));
    window.Explorer.mapPaint.save(new Blob([["query token,kind,counted,product,share,best match", ...lines].join("\r\n") + "\r\n"], { type: "text/csv" }), `${slug(view)}.csv`);
  }

  /* The picture as it is on show, and the numbers of its bars: a page that needs nothing else. */
  function savePage(view, sheet) {
    const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;"), open = (tag) => "<" + tag + ">", shut = (tag) => "<" + "/" + tag + ">";
    const row = (cells, tag) => open("tr") + cells.map((cell) => open(tag) + plain(cell) + shut(tag)).join("") + shut("tr");
    const title = view.title.textContent, ink = getComputedStyle(document.body), style = `body{margin:0 auto;max-width:1000px;padding:16px;font:15px/1.5 system-ui,sans-serif;background:${ink.getPropertyValue("--xp-card")};color:${ink.getPropertyValue("--xp-ink")}}img{max-width:100%}td,th{padding:3px 14px 3px 0;text-align:left}`;
    const lines = breakdown(view, view.doc.ready).rows.map((part) => row([tokenName(part.token), part.value.toFixed(4), part.share, matchName(view.doc.ready, part.best)], "td"));
    const page = ["<" + "!doctype html>", open(`html lang='${document.documentElement.lang}'`), open("meta charset='utf-8'"), open("meta name='viewport' content='width=device-width'"), open("title"), plain(title), shut("title"), open("style"), style, shut("style"),
      open("h1"), plain(title), shut("h1"), open("p"), plain(`${queryLine(view)} · max-sim ${scoreOf(view, view.doc).toFixed(4)}`), shut("p"),
      open(`img src="${sheet.toDataURL("image/png")}" alt="${plain(title)}"`), open("table"), row(headings(), "th"), ...lines, shut("table"), shut("html")];
    window.Explorer.mapPaint.save(new Blob([page.join("\n")], { type: "text/html" }), `${slug(view)}.html`);
  }

  return { askers, bestOf, breakdown, choiceName, counted, headings, isOwn, limitsOf, matchName, place, queryLine, quoted, ready, rowOf, saveCsv, saveJson, savePage, scoreOf, slug, tokenName, unitValue };
})();

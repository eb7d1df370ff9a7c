/* The browser half of ui/late_maps.py: query tokens, the map of the chosen one, the ranking, and where a score
   comes from. All products of tokens are here, so that nothing is asked of the server while one looks around.
   Texts are only ever set as textContent. */
(() => {
  "use strict";
  const { say } = window.Explorer;
  const paint = window.Explorer.mapPaint;
  const { askers, bestOf, breakdown, choiceName, counted, headings, isOwn, limitsOf, matchName, queryLine, quoted, ready, rowOf, saveCsv, saveJson, savePage, scoreOf, slug, tokenName, unitValue } = window.Explorer.mapData;
  const KINDS = { everything: () => true, pictures: (doc) => doc.kind !== "text", texts: (doc) => doc.kind !== "image" };
  const LOOK = { paint: "spotlight", smooth: false, numbers: true, stretch: false, opacity: 0.7 };

  function el(tag, name, ...inside) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.append(...inside.filter((part) => part !== null && part !== undefined));
    return made;
  }
  const set = (node, attributes) => { for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value); return node; };
  /* ---- query tokens ---- */
  function chip(view, choice, name, title) {
    const button = set(el("button", "lm-chip"), { type: "button", role: "radio", "aria-checked": "false", tabindex: "-1", "data-choice": choice });
    button.append(el("span", "lm-word", name), el("small", "lm-number"));
    if (title) button.title = title;
    return button;
  }
  function patchChip(view, token, at) {
    const button = chip(view, at, "", ""), { rows, cols } = { rows: view.data.query.grid[0], cols: view.data.query.grid[1] };
    button.classList.add("lm-patch");
    button.setAttribute("aria-label", say("patch in row {row}, column {col}", { row: token.row + 1, col: token.col + 1 }));
    crop(button, view.data.query.thumb, token.row, token.col, rows, cols);
    return button;
  }
  function crop(node, source, row, col, rows, cols) {
    if (!source.startsWith("data:image/")) return;
    node.style.backgroundImage = `url("${source}")`;
    node.style.backgroundSize = `${cols * 100}% ${rows * 100}%`;
    node.style.backgroundPosition = `${cols > 1 ? (col / (cols - 1)) * 100 : 0}% ${rows > 1 ? (row / (rows - 1)) * 100 : 0}%`;
  }
  function drawChips(view) {
    const { tokens, grid } = view.data.query, patches = el("div", "lm-patches");
    view.chips.replaceChildren(
      chip(view, "max", say("max"), say("for every patch or token, the largest product over the query's tokens")),
      chip(view, "mean", say("mean"), say("for every patch or token, the mean product over the query's tokens")));
    tokens.forEach((token, at) => {
      if (token.kind === "image") { patches.append(patchChip(view, token, at)); return; }
      if (patches.childElementCount && !patches.parentNode) view.chips.append(patches);
      const shown = token.text.trim() || quoted(token.text), button = chip(view, at, shown, token.says && say(token.says));
      if (token.parts > 1) button.firstChild.append(el("sub", "", `${token.part}/${token.parts}`));
      if (!isOwn(token)) { button.classList.add("lm-fixed"); button.append(el("i", "lm-says", say(token.kind))); }
      view.chips.append(button);
    });
    view.chips.dir = direction(tokens.filter((token) => token.kind === "text").map((token) => token.text).join(""));
    if (grid) patches.style.gridTemplateColumns = `repeat(${grid[1]}, minmax(22px, 46px))`;
  }
  function markChips(view, choice, values) {
    for (const button of view.chips.querySelectorAll(".lm-chip")) {
      const mine = button.dataset.choice, at = Number(mine), on = mine === String(view.pinned);
      button.setAttribute("aria-checked", String(on));
      button.tabIndex = on ? 0 : -1;
      button.classList.toggle("lm-on", mine === String(choice));
      button.classList.toggle("lm-out", !Number.isNaN(at) && !counted(view, at));
      if (!Number.isNaN(at)) button.querySelector(".lm-number").textContent = values[at].toFixed(2);
    }
  }

  /* ---- documents ---- */
  function drawRanking(view) {
    const shown = view.data.documents.filter(KINDS[view.kind]).sort((a, b) => (scoreOf(view, b) ?? -1e9) - (scoreOf(view, a) ?? -1e9));
    view.docs.replaceChildren(...shown.map((doc, at) => {
      const button = set(el("button", "lm-doc"), { type: "button", "data-index": doc.index, "aria-pressed": String(doc === view.doc) });
      const face = doc.thumb.startsWith("data:image/") ? set(el("img"), { src: doc.thumb, alt: "" }) : set(el("span", "lm-glyph", "T"), { "aria-hidden": "true" });
      const score = scoreOf(view, doc);
      button.append(el("b", "", String(at + 1)), face, el("span", "lm-name", doc.label), el("strong", "", score === null ? "—" : score.toFixed(2)));
      return el("li", "", button);
    }));
    if (!shown.length) view.docs.append(el("li", "lm-none", say("No document of this kind.")));
    return shown;
  }
  /* The list anew; a document that it leaves out gives way to the best one in it, so that one is always marked. */
  function relist(view, index) {
    const shown = drawRanking(view), wanted = !shown.length || shown.some((doc) => doc.index === index) ? index : shown[0].index;
    if (wanted === view.doc?.index) reveal(view.docs);
    else open(view, wanted);
  }
  /* The open document's card comes into sight sideways; the page itself stays where it is. */
  function reveal(list) {
    const card = list.querySelector("[aria-pressed=true]")?.parentNode;
    if (!card) return;
    const left = card.offsetLeft - list.offsetLeft, right = left + card.offsetWidth - list.clientWidth;
    if (left < list.scrollLeft || right > list.scrollLeft) list.scrollLeft = left < list.scrollLeft ? left : right + 8;
  }
  function open(view, index) {
    view.doc = view.data.documents.find((doc) => doc.index === index) ?? view.data.documents[0];
    view.cursor = null;
    for (const button of view.docs.querySelectorAll(".lm-doc")) button.setAttribute("aria-pressed", String(Number(button.dataset.index) === view.doc.index));
    reveal(view.docs);
    if (view.doc.map && !view.doc.ready) { view.doc.ready = ready(view.doc.map); view.doc.ready.image.onload = () => redraw(view); }
    view.body.classList.toggle("lm-waiting", !view.doc.ready);
    view.title.textContent = view.doc.ready ? "" : say("Fetching this document's map …");
    if (!view.doc.ready) { view.trigger("need", { index: view.doc.index }); return; }
    drawText(view);
    redraw(view);
  }

  /* ---- the map ---- */
  /* Which way the tokens run: each is a box of its own, which the browser would not put in order by itself. */
  const RIGHT_TO_LEFT = /^[^\p{L}]*[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
  const direction = (words) => (RIGHT_TO_LEFT.test(words) ? "rtl" : "ltr");
  function drawText(view) {
    const { units } = view.doc.ready;
    const words = units.filter((unit) => unit.kind === "text").map((unit) => unit.text).join("");
    view.text.dir = direction(words);
    view.text.replaceChildren(...units.flatMap((unit, at) => {
      const span = set(el("span", unit.kind === "text" ? "lm-unit" : "lm-unit lm-fixed"), { "data-unit": at });
      if (unit.says) span.title = `${say(unit.kind)}: ${say(unit.says)}`;
      span.append(el("span", "lm-word", unit.kind === "text" ? unit.text.replace(/\n/g, "↵") : quoted(unit.text).slice(1, -1)), el("small", "lm-number"));
      if (unit.count > 1) span.firstChild.append(el("sub", "", String(unit.count)));
      return unit.kind === "text" && unit.text.includes("\n") ? [span, el("br")] : [span];
    }));
    view.text.hidden = !units.length;
    view.frame.hidden = !view.doc.ready.grid;
    view.around.hidden = !view.doc.ready.grid || view.doc.kind !== "image";
    view.stage.classList.toggle("lm-words-last", !units.some((unit) => unit.kind === "text"));
    view.stage.classList.toggle("lm-both", Boolean(view.doc.ready.grid));
  }
  function current(view) {
    const map = view.doc.ready, choice = view.hover ?? view.pinned, row = rowOf(view, map, choice), limits = limitsOf(view, map, row, choice);
    return { map, choice, row, limits, best: bestOf(view, map, row) };
  }
  /* The patch that is pointed at, -1 for none. */
  const patchAt = (view, map) => (view.cursor && map.grid && typeof map.where[view.cursor.first] === "number" ? map.where[view.cursor.first] : -1);
  function shownPicture(view, now) {
    const { map, row, limits, best } = now, { first, rows, cols } = map.grid, size = rows * cols;
    return { grid: { rows, cols }, image: map.hasPicture && map.image.complete && map.image.naturalWidth ? map.image : null,
      values: Array.from(row.subarray(first, first + size)), limits, look: view.look,
      best: best >= first && best < first + size ? best - first : -1, cursor: patchAt(view, map) };
  }
  function drawPicture(view, now) {
    const { rows, cols } = now.map.grid, room = view.frame.clientWidth, width = Math.min(room, 480, (520 * cols) / rows), height = (width * rows) / cols;
    if (room < 40) return;
    const scale = window.devicePixelRatio || 1, canvas = view.canvas;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale); canvas.height = Math.round(height * scale);
      canvas.style.width = `${width}px`; canvas.style.height = `${height}px`;
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    paint.picture(context, { x: 0, y: 0, w: width, h: height }, shownPicture(view, now));
    canvas.setAttribute("aria-label", say("{choice} on {document}: {rows} rows by {cols} columns of patches. Arrow keys walk over them.", { choice: choiceName(view, now.choice), document: view.doc.label, rows, cols }));
  }
  function markText(view, now) {
    const { row, limits, best, map } = now;
    view.text.querySelectorAll(".lm-unit").forEach((span, at) => {
      const unit = map.units[at], value = unitValue(row, unit);
      span.style.setProperty("--v", unit.kind === "text" || view.all ? paint.share(value, limits).toFixed(3) : 0);
      span.classList.toggle("lm-cursor", view.cursor?.first === unit.first);
      span.classList.toggle("lm-best", best >= unit.first && best < unit.first + unit.count);
      span.lastChild.textContent = view.look.numbers ? value.toFixed(2) : "";
    });
  }
  /* The common scale leaves out a few of the lowest products: they have its lowest colour. */
  const lowEnd = ({ row, limits, map }) => (row.some((value, i) => map.own[i] && value < limits[0] - 0.005) ? "≤ " : "") + limits[0].toFixed(2);
  function redraw(view) {
    if (!view.doc?.ready) return;
    const now = current(view), { map, choice, row, best } = now, parts = breakdown(view, map);
    if (map.grid) drawPicture(view, now);
    markText(view, now);
    view.title.textContent = `${choiceName(view, choice)} · ${view.doc.label}`;
    view.low.textContent = lowEnd(now);
    view.high.textContent = now.limits[1].toFixed(2);
    view.ramp.style.background = view.look.paint === "spotlight" && map.grid ? `linear-gradient(90deg, ${paint.stops("spotlight").join(", ")})` : map.grid ? paint.rampCss() : "";
    view.read.textContent = view.cursor ? cursorWords(view, map, choice) : best < 0 ? say("Nothing to match.") : say("Best match: {match}, {value}", { match: matchName(map, best), value: row[best].toFixed(3) });
    const column = parts.rows.map((part) => (view.cursor ? unitValue(rowOf(view, map, part.at), view.cursor) : part.value));
    markChips(view, choice, column);
    view.chipNote.textContent = view.cursor ? say("with {match}", { match: matchName(map, view.cursor.first) }) : say("with their best match");
    drawBars(view, parts, map, choice);
    view.root.dataset.shown = `${view.doc.index}/${choice}/${view.cursor?.first ?? ""}`;
  }
  function cursorWords(view, map, choice) {
    const value = unitValue(rowOf(view, map, choice), view.cursor), near = (at) => unitValue(rowOf(view, map, at), view.cursor);
    const top = askers(view).reduce((best, at) => (best < 0 || near(at) > near(best) ? at : best), -1);
    const here = { match: matchName(map, view.cursor.first), value: value.toFixed(3) };
    if (top < 0) return `${here.match}: ${here.value}`;
    return say("{match}: {value}; its nearest query token is {token}, {nearest}", { ...here, token: tokenName(view.data.query.tokens[top]), nearest: near(top).toFixed(3) });
  }

  /* ---- where the score comes from ---- */
  function drawBars(view, parts, map, choice) {
    const mean = parts.count ? (parts.total / parts.count).toFixed(3) : "—";
    view.score.textContent = parts.count ? say("Max-sim {total}: the best matches of {count} query tokens added up, {mean} each on average.", { total: parts.total.toFixed(3), count: parts.count, mean }) : say("No query token counts: tick the box.");
    view.bars.replaceChildren(...parts.rows.map((part) => {
      const bar = el("span", "lm-bar", el("span")), name = el("th", "", tokenName(part.token)), match = el("td", typeof map.where[part.best] === "number" ? "lm-match lm-place" : "lm-match");
      bar.firstChild.style.width = `${100 * Math.max(0, Math.min(1, part.value))}%`;
      if (typeof map.where[part.best] === "number" && map.picture) {
        const tile = el("span", "lm-tile"), patch = map.where[part.best];
        crop(tile, map.picture, Math.floor(patch / map.grid.cols), patch % map.grid.cols, map.grid.rows, map.grid.cols);
        match.append(tile);
      }
      match.append(matchName(map, part.best));
      match.title = match.textContent;
      const line = set(el("tr", part.counted ? "" : "lm-out", set(name, { scope: "row" }), el("td", "", el("span", "lm-amount", bar, part.value.toFixed(3))), el("td", "lm-value", part.share), match), { "data-choice": part.at });
      if (part.token.says) line.title = `${say(part.token.kind)}: ${say(part.token.says)}`;
      line.classList.toggle("lm-on", part.at === choice);
      return line;
    }));
  }

  /* ---- the saved picture ---- */
  const css = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  function sheetOf(view) {
    const now = current(view), parts = breakdown(view, now.map), ink = { text: css("--xp-ink"), soft: css("--xp-ink-soft"), line: css("--xp-line"), paper: css("--xp-card"), mark: css("--xp-mark"), accent: css("--xp-accent"), wash: css("--xp-wash") };
    const fill = (share) => { const [r, g, b] = css("--lm-heat").match(/\d+/g); return `rgb(${r} ${g} ${b} / ${(0.85 * share).toFixed(3)})`; };
    const units = now.map.units.map((unit) => { const value = unitValue(now.row, unit); return { text: unit.text, own: unit.kind === "text", value, fill: fill(paint.share(value, now.limits)), best: now.best >= unit.first && now.best < unit.first + unit.count }; });
    return paint.sheet({
      title: view.title.textContent, subtitle: queryLine(view), ink, limits: now.limits, low: lowEnd(now),
      shown: now.map.grid ? { ...shownPicture(view, now), cursor: -1 } : null, units: now.map.grid ? units.filter((unit) => unit.own) : units,
      stops: now.map.grid ? paint.stops(view.look.paint) : [fill(0), fill(1)],
      score: say("Max-sim {total}, by query token", { total: parts.total.toFixed(3) }),
      rows: parts.rows.slice(0, 60).map((part) => ({ name: tokenName(part.token), value: part.value, share: part.share, match: matchName(now.map, part.best), counted: part.counted, chosen: part.at === now.choice })),
    });
  }
  const savePng = (view) => sheetOf(view).toBlob((blob) => paint.save(blob, `${slug(view)}.png`));

  /* ---- what is built once ---- */
  function tick(words, value, change) {
    const input = set(el("input"), { type: "checkbox" });
    input.checked = value;
    input.addEventListener("change", () => change(input.checked));
    return el("label", "lm-tick", input, words);
  }
  function buttons(name, options, value, change) {
    const group = set(el("div", "lm-group"), { role: "group", "aria-label": name });
    group.append(...Object.entries(options).map(([option, words]) => {
      const button = set(el("button", "", words), { type: "button", "aria-pressed": String(option === value) });
      button.addEventListener("click", () => { for (const other of group.children) other.setAttribute("aria-pressed", String(other === button)); change(option); });
      return button;
    }));
    return group;
  }
  function press(words, title, action) {
    const button = set(el("button", "xp-png", words), { type: "button", title });
    button.addEventListener("click", action);
    return button;
  }
  function tools(view) {
    const change = (name) => (value) => { view.look[name] = value; redraw(view); };
    const range = set(el("input"), { type: "range", min: "0", max: "1", step: "0.05", value: String(view.look.opacity), "aria-label": say("Opacity of the paint") });
    range.addEventListener("input", () => change("opacity")(Number(range.value)));
    return el("div", "lm-tools", set(buttons(say("Paint"), { spotlight: say("spotlight"), heat: say("heat") }, view.look.paint, change("paint")), { class: "lm-group lm-pictures" }),
      el("label", "lm-tick lm-pictures", say("Opacity"), range), set(tick(say("Smooth"), view.look.smooth, change("smooth")), { class: "lm-tick lm-pictures" }),
      tick(say("Numbers"), view.look.numbers, change("numbers")), tick(say("Stretch colours to this map"), view.look.stretch, change("stretch")));
  }
  function build(view) {
    const { root } = view, again = () => { drawRanking(view); redraw(view); };
    view.blank = el("div", "xp-blank", el("strong", "", say("No maps yet")), el("span", "", say("Type a query or add a picture, then press Show maps.")));
    view.chips = set(el("div", "lm-chips"), { role: "radiogroup", "aria-label": say("Query tokens: which one's map is shown") });
    view.chipNote = el("span", "lm-soft");
    view.docs = set(el("ol", "lm-docs"), { "aria-label": say("Documents, best first") });
    view.title = el("span", "lm-title");
    view.canvas = set(el("canvas"), { tabindex: "0", role: "img" });
    view.frame = el("div", "lm-frame", view.canvas);
    view.text = set(el("div", "lm-text"), { tabindex: "0", role: "group", "aria-label": say("The document's tokens") });
    view.around = el("p", "lm-around", say("Around the picture: fixed words that the model reads too"));
    view.low = el("span"); view.high = el("span"); view.ramp = el("span", "lm-ramp");
    view.read = set(el("p", "lm-read"), { "aria-live": "polite" });
    view.stage = el("figure", "lm-stage",
      el("figcaption", "", view.title, el("span", "lm-files", press(say("Save PNG"), say("Save this map, its scale and its bars as a picture"), () => savePng(view)), press("HTML", say("Save this map and its table as a page of its own"), () => savePage(view, sheetOf(view))), press("JSON", say("Save all products of tokens"), () => saveJson(view)))),
      view.frame, view.around, view.text, el("div", "lm-legend", view.low, view.ramp, view.high), view.read, tools(view));
    view.score = el("p", "lm-score"); view.bars = el("tbody");
    const head = el("tr", "", ...headings().map((name) => set(el("th", "", name), { scope: "col" })));
    const table = set(el("div", "lm-scroll", el("table", "lm-table", el("thead", "", head), view.bars)), { tabindex: "0", role: "region", "aria-label": say("Where the score comes from") });
    view.why = el("section", "lm-why", el("header", "", el("h3", "", say("Where the score comes from")), press("CSV", say("Save this table"), () => saveCsv(view))), view.score,
      tick(say("Count the prompt and the fixed words, as the model does"), view.all, (on) => { view.all = on; again(); }), table);
    view.body = el("div", "lm-body", view.stage, view.why);
    view.full = el("div", "lm-full", el("header", "lm-head", el("h3", "", say("Query tokens")), view.chipNote), view.chips,
      el("header", "lm-head", el("h3", "", say("Documents, best first")), buttons(say("Kinds of documents"), { everything: say("everything"), pictures: say("pictures"), texts: say("texts") }, view.kind, (kind) => { view.kind = kind; relist(view, view.doc.index); })),
      view.docs, view.body);
    root.append(view.blank, view.full);
  }

  /* ---- hands and keys ---- */
  const choiceOf = (node) => { const mine = node?.dataset.choice; return mine === undefined ? null : mine === "max" || mine === "mean" ? mine : Number(mine); };
  function listen(view) {
    const hover = (choice) => { if (choice !== view.hover) { view.hover = choice; redraw(view); } };
    const pin = (choice) => { view.hover = null; view.pinned = choice; redraw(view); };
    for (const area of [view.chips, view.bars]) {
      area.addEventListener("pointerover", (event) => { if (event.pointerType !== "touch") hover(choiceOf(event.target.closest("[data-choice]"))); });
      area.addEventListener("pointerleave", () => hover(null));
      area.addEventListener("click", (event) => { const choice = choiceOf(event.target.closest("[data-choice]")); if (choice !== null) pin(choice); });
    }
    view.chips.addEventListener("focusin", (event) => { const choice = choiceOf(event.target); if (choice !== null && choice !== view.pinned) pin(choice); });
    view.chips.addEventListener("keydown", (event) => {
      const all = [...view.chips.querySelectorAll(".lm-chip")], at = all.indexOf(event.target), step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const next = step ? all[(at + step + all.length) % all.length] : event.key === "Home" ? all[0] : event.key === "End" ? all.at(-1) : null;
      if (next) { event.preventDefault(); next.focus(); }
    });
    view.docs.addEventListener("click", (event) => { const button = event.target.closest("[data-index]"); if (button) open(view, Number(button.dataset.index)); });
    const over = (first, count = 1) => {
      if (first === (view.cursor?.first ?? -1)) return;
      view.cursor = first < 0 ? null : { first, count };
      redraw(view);
    };
    const overUnit = (unit) => (unit ? over(unit.first, unit.count) : over(-1));
    view.canvas.addEventListener("pointermove", (event) => {
      const { first, rows, cols } = view.doc.ready.grid, box = view.canvas.getBoundingClientRect();
      const col = Math.floor(((event.clientX - box.left) / box.width) * cols), row = Math.floor(((event.clientY - box.top) / box.height) * rows);
      over(row < 0 || col < 0 || row >= rows || col >= cols ? -1 : first + row * cols + col);
    });
    view.text.addEventListener("pointerover", (event) => overUnit(view.doc.ready?.units[event.target.closest("[data-unit]")?.dataset.unit]));
    for (const area of [view.canvas, view.text]) for (const name of ["pointerleave", "blur"]) area.addEventListener(name, () => over(-1));
    for (const area of [view.canvas, view.text]) area.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (event.key === "Escape") over(-1);
      if (!step || !view.doc.ready) return;
      event.preventDefault();
      if (area === view.text) walkText(view, step[0] + step[1], overUnit);
      else walkPatches(view, step, over);
    });
  }
  const clamp = (value, count) => Math.max(0, Math.min(count - 1, value));
  function walkText(view, step, overUnit) {
    const { units } = view.doc.ready, at = units.findIndex((unit) => unit.first === view.cursor?.first), next = at < 0 ? 0 : clamp(at + step, units.length);
    overUnit(units[next]);
    view.text.querySelectorAll(".lm-unit")[next].scrollIntoView({ block: "nearest" });
  }
  function walkPatches(view, step, over) {
    const { grid } = view.doc.ready, at = patchAt(view, view.doc.ready), row = Math.floor(at / grid.cols), col = at % grid.cols;
    over(grid.first + (at < 0 ? 0 : clamp(row + step[0], grid.rows) * grid.cols + clamp(col + step[1], grid.cols)));
  }

  /* The query token to begin with: the one of its own words whose match is the best. */
  function clearest(view, map) {
    const words = breakdown(view, map).rows.filter((part) => part.token.kind === "image" || (part.token.kind === "text" && part.token.text.trim().length > 2));
    return words.length ? words.reduce((top, part) => (part.value > top.value ? part : top)).at : "max";
  }

  const parse = (text) => { try { return text ? JSON.parse(text) : null; } catch { return null; } };
  function show(view, data) {
    view.data = data;
    view.doc = null;
    view.full.hidden = !data; view.blank.hidden = Boolean(data);
    delete view.root.dataset.shown;
    if (!data) return;
    view.hover = null;
    view.pinned = "max";
    drawChips(view);
    relist(view, data.first);
    if (view.doc.ready) view.pinned = clearest(view, view.doc.ready);
    redraw(view);
  }
  function mountMaps(element, props, trigger, watch) {
    const view = { root: element.querySelector(".lm"), trigger, look: { ...LOOK }, all: true, kind: "everything", data: null, doc: null, hover: null, pinned: "max", cursor: null };
    build(view);
    listen(view);
    watch("value", () => show(view, parse(props.value)));
    watch("patch", () => {
      const more = parse(props.patch), doc = more && view.data?.answer === more.answer ? view.data.documents.find((one) => one.index === more.index) : null;
      if (!doc) return;
      doc.map = more.map;
      if (doc === view.doc) open(view, doc.index);
    });
    new ResizeObserver(() => redraw(view)).observe(view.frame);
    show(view, parse(props.value));
  }
  window.Explorer.mountMaps = mountMaps;
})();

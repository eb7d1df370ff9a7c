/* The browser half of ui/truncation.py: one slider drives matrix, map, neighbours and numbers without a round trip.
   Arithmetic is in truncation_math.js, drawing in truncation_draw.js. Texts are only ever set as textContent. */
Object.assign(window.Explorer, (() => {
  "use strict";
  const { say } = window.Explorer;
  const SHOWN_ROWS = 60, AT_ONCE = 12, RESTS = 150, WIDE = 12, MAP_HEIGHT = 0.82;
  const coarse = matchMedia("(pointer: coarse)").matches;
  const parse = (text) => { try { return text ? JSON.parse(text) : null; } catch { return null; } };
  const css = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const inks = () => ({ text: css("--xp-ink"), soft: css("--xp-ink-soft"), line: css("--xp-line"), edge: css("--xp-edge"), paper: css("--xp-card"), mark: css("--xp-mark"), accent: css("--xp-accent"), dark: document.body.classList.contains("dark") });
  const make = (tag, name, text) => { const e = document.createElement(tag); if (name) e.className = name; if (text !== undefined) e.textContent = text; return e; };
  const button = (text, act, name) => { const b = make("button", name, text); b.type = "button"; b.addEventListener("click", act); return b; };
  const labs = new Set();
  let asked = null; // the slider's last word; before that the width that came with the vectors

  function labWidth(group, width) {
    asked = Number(width);
    for (const lab of labs) {
      if (!lab.element.isConnected) labs.delete(lab);
      else if (lab.dim !== asked) ask(lab);
    }
    window.Explorer.markWidth(group, asked);
    return width;
  }
  function ask(lab) {
    if (lab.waiting) return;
    lab.waiting = true;
    requestAnimationFrame(() => { lab.waiting = false; step(lab); });
  }

  function mountLab(element, props, watch) {
    const find = (name) => element.querySelector(name);
    const lab = { element, find, title: find(".xp-chart-title"), live: find(".xp-live"), stage: find(".xp-lab-matrix"), spec: null, view: "cosine", together: true, cursor: null, thumbs: new Map() };
    lab.tip = make("div", "xp-tip"); lab.tip.hidden = true; lab.tip.setAttribute("role", "presentation"); element.append(lab.tip);
    labs.add(lab);
    lab.stage.explorer = lab; // what the tests and the console look at
    tools(lab); pointers(lab); keys(lab);
    watch("value", () => load(lab, parse(props.value)));
    watch("patch", () => { const told = parse(props.patch); if (told && lab.spec) { lab.spec.near = told.near; asked ??= told.dim; ask(lab); } });
    new ResizeObserver(() => { if (Math.abs(lab.stage.clientWidth - (lab.width || 0)) > 2) paint(lab); }).observe(lab.stage);
    new MutationObserver(() => paint(lab)).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    load(lab, parse(props.value));
  }

  /* ---- what comes from the server: vectors once ---- */
  function load(lab, spec) {
    lab.element.classList.toggle("xp-empty", !spec);
    lab.spec = spec; lab.cursor = null; lab.orders = null;
    if (!spec) return;
    lab.count = spec.items.length;
    lab.engine = window.LabMath.create(window.LabMath.floats(spec.vectors), lab.count, spec.full);
    lab.whole = lab.engine.cosines(spec.full);
    lab.fullEnds = ends(lab.whole, lab.count);
    lab.fullOrders = window.LabMath.orders(lab.whole, lab.count);
    const found = window.LabMath.plane(lab.whole, lab.count);
    lab.start = found.columns; lab.was = window.LabMath.normalised(found.points);
    lab.scales = { cosine: window.LabDraw.stops(spec.scale), light: window.LabDraw.stops(spec.change.light), dark: window.LabDraw.stops(spec.change.dark) };
    lab.thumbs = new Map();
    spec.items.forEach((item, i) => {
      if (!item.thumb.startsWith("data:image/")) return;
      const img = new Image();
      img.onload = () => paint(lab);
      img.src = item.thumb;
      lab.thumbs.set(i, img);
    });
    lab.find(".xp-lab-pair").hidden = true;
    step(lab);
  }

  /* ---- one step of the slider ---- */
  function step(lab) {
    const { spec, count } = lab;
    if (!spec) return;
    const start = performance.now();
    lab.dim = Math.max(1, Math.min(spec.full, asked ?? spec.dim));
    lab.now = lab.engine.cosines(lab.dim);
    lab.orders = window.LabMath.orders(lab.now, count, lab.orders);
    lab.changes = window.LabMath.changes(lab.fullOrders, lab.orders, spec.near);
    const placed = window.LabMath.aligned(window.LabMath.plane(lab.now, count, lab.start).points, lab.was);
    lab.is = placed.points;
    lab.facts = {
      kept: lab.changes.reduce((s, one) => s + one.kept.length, 0) / (count * spec.near),
      correlation: window.LabMath.correlation(lab.fullOrders, lab.orders, count), differs: placed.differs,
    };
    const counted = performance.now();
    facts(lab); paint(lab);
    const drawn = performance.now();
    lost(lab);
    if (!lab.find(".xp-lab-pair").hidden) open(lab, ...lab.cursor);
    lab.stage.dataset.parts = [counted - start, drawn - counted, performance.now() - drawn].map((ms) => ms.toFixed(1)).join(" ");
    lab.stage.dataset.ms = (performance.now() - start).toFixed(1);
    lab.stage.dataset.dim = String(lab.dim);
  }
  const share = (part, whole) => say("{part} of {whole}", { part, whole });
  function facts(lab) {
    const { spec, dim } = lab, size = (4 * dim).toLocaleString("en");
    lab.title.textContent = say("{task} · {width} of {full} dimensions", { task: spec.task, width: dim, full: spec.full });
    const rows = [[say("Dimensions"), share(dim, spec.full)], [say("Bytes per vector, float32"), `${size} (${(100 * dim / spec.full).toFixed(1)} %)`],
      [say("Kept of {near} neighbours", { near: spec.near }), `${(100 * lab.facts.kept).toFixed(1)} %`], [say("Rank correlation"), lab.facts.correlation.toFixed(3)], [say("Map differs (0 to 1)"), lab.facts.differs.toFixed(3)]];
    lab.find(".xp-lab-facts").replaceChildren(...rows.map(([name, value]) => { const box = make("div"); box.append(make("dt", "", name), make("dd", "", value)); return box; }));
  }

  /* ---- drawing ---- */
  /* Smallest and largest value of the cells, each item with itself left out. */
  function ends(table, count) {
    let low = Infinity, high = -Infinity;
    for (let i = 0; i < count; i++) for (let j = i + 1; j < count; j++) { const x = table[i * count + j]; if (x < low) low = x; if (x > high) high = x; }
    return [low, high];
  }
  function limits(lab) {
    const [low, high] = ends(lab.values, lab.count);
    if (lab.view === "change") { const reach = Math.max(Math.abs(low), Math.abs(high), 0.01); return [-reach, reach]; }
    const both = [Math.min(low, lab.fullEnds[0]), Math.max(high, lab.fullEnds[1])];
    return both[1] - both[0] > 1e-6 ? both : [both[0] - 0.5, both[1] + 0.5];
  }
  function paint(lab) {
    const width = lab.stage.clientWidth;
    if (!lab.spec || !lab.now || width < 60) return;
    lab.width = width; lab.ink = inks();
    lab.values = lab.view === "change" ? lab.now.map((x, i) => x - lab.whole[i]) : lab.now;
    lab.order = lab.together ? lab.spec.order : lab.spec.items.map((_, i) => i);
    lab.limits = limits(lab);
    window.LabDraw.matrix(lab, lab.stage.querySelector("canvas"), width);
    const box = lab.find(".xp-lab-map");
    window.LabDraw.map(lab, box.querySelector("canvas"), box.clientWidth, Math.round(box.clientWidth * MAP_HEIGHT));
    ramp(lab);
    const what = say(lab.view === "change" ? "change of the cosine against full width" : "cosine");
    lab.stage.setAttribute("aria-label", say("Matrix of {count} items, {what}, at {width} dimensions. Arrow keys move over the cells, Enter opens the pair.", { count: lab.count, what, width: lab.dim }));
    box.setAttribute("aria-label", say("Map of {count} items at {width} dimensions; it differs by {differs} from the map at full width.", { count: lab.count, width: lab.dim, differs: lab.facts.differs.toFixed(2) }));
    lab.stage.dataset.drawn = String(Number(lab.stage.dataset.drawn || 0) + 1);
  }
  function ramp(lab) {
    const [low, bar, high] = lab.find(".xp-lab-ramp").children, scale = lab.scales[lab.view === "change" ? (lab.ink.dark ? "dark" : "light") : "cosine"];
    low.textContent = `${say(lab.view === "change" ? "change" : "cosine")} ${lab.limits[0].toFixed(2)}`; high.textContent = lab.limits[1].toFixed(2);
    bar.style.background = `linear-gradient(90deg, ${scale.map((c) => `rgb(${c.join(",")})`).join(", ")})`;
  }

  /* ---- pointer and keys ---- */
  function cellAt(lab, event) {
    const box = lab.stage.querySelector("canvas").getBoundingClientRect(), { gutter, cell } = window.LabDraw.frame(box.width, lab.count);
    const c = Math.floor((event.clientX - box.left - gutter) / cell), r = Math.floor((event.clientY - box.top - gutter) / cell);
    return r >= 0 && c >= 0 && r < lab.count && c < lab.count ? [lab.order[r], lab.order[c]] : null;
  }
  function spotAt(lab, event) {
    const box = lab.find(".xp-lab-map").getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = -1, near = 18;
    (lab.spots ?? []).forEach((spot, i) => { const far = Math.hypot(spot[0] - x, spot[1] - y); if (far < near) { near = far; best = i; } });
    return best;
  }
  function tip(lab, ids, words, event) {
    if (coarse) return;
    const faces = [...new Set(ids)].map((id) => { const box = make("div", "xp-tip-item"), img = lab.thumbs.get(id); if (img) box.append(Object.assign(make("img"), { src: img.src, alt: "" })); box.append(make("span", "", `${id + 1} · ${lab.spec.items[id].label}`)); return box; });
    lab.tip.replaceChildren(...faces, make("strong", "", words));
    lab.tip.hidden = false;
    const { clientX: x, clientY: y } = event, w = lab.tip.offsetWidth, h = lab.tip.offsetHeight;
    lab.tip.style.left = Math.max(8, x + 16 + w > innerWidth ? x - w - 12 : x + 16) + "px";
    lab.tip.style.top = Math.max(8, y + 16 + h > innerHeight ? y - h - 12 : y + 16) + "px";
  }
  const cosine = (lab, table, a, b) => table[a * lab.count + b];
  const told = (lab, a, b) => say("cosine {now}; {whole} at full width", { now: cosine(lab, lab.now, a, b).toFixed(4), whole: cosine(lab, lab.whole, a, b).toFixed(4) });
  function pointers(lab) {
    const box = lab.find(".xp-lab-map");
    lab.stage.addEventListener("pointermove", (event) => { const at = lab.spec && cellAt(lab, event); if (at) tip(lab, at, told(lab, ...at), event); else lab.tip.hidden = true; });
    box.addEventListener("pointermove", (event) => { const at = lab.spec ? spotAt(lab, event) : -1; if (at >= 0) tip(lab, [at], say("{kept} of {near} neighbours kept", { kept: lab.changes[at].kept.length, near: lab.spec.near }), event); else lab.tip.hidden = true; });
    for (const place of [lab.stage, box]) place.addEventListener("pointerleave", () => { lab.tip.hidden = true; });
    lab.stage.addEventListener("click", (event) => { const at = lab.spec && cellAt(lab, event); if (at) open(lab, ...at); });
    box.addEventListener("click", (event) => { const at = lab.spec ? spotAt(lab, event) : -1; if (at >= 0) open(lab, at, lab.changes[at].lost[0] ?? lab.orders.sorted[at][0]); });
  }
  function keys(lab) {
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    lab.stage.addEventListener("keydown", (event) => {
      if (!lab.spec || event.ctrlKey || event.metaKey || event.altKey) return;
      const move = way[event.key], clamp = (x) => Math.max(0, Math.min(lab.count - 1, x));
      if (move) {
        const [r, c] = lab.cursor ? lab.cursor.map((id) => lab.order.indexOf(id)) : [0, -1];
        lab.cursor = [lab.order[clamp(r + move[0])], lab.order[clamp(c + move[1])]];
        lab.live.textContent = `${lab.spec.items[lab.cursor[0]].label} — ${lab.spec.items[lab.cursor[1]].label}: ${told(lab, ...lab.cursor)}`;
        paint(lab);
      } else if ((event.key === "Enter" || event.key === " ") && lab.cursor) open(lab, ...lab.cursor);
      else return;
      event.preventDefault();
    });
  }
  function tools(lab) {
    const views = lab.element.querySelectorAll("[data-view]"), order = lab.find("[data-order]");
    views.forEach((b) => b.addEventListener("click", () => { lab.view = b.dataset.view; views.forEach((other) => other.setAttribute("aria-pressed", String(other === b))); paint(lab); }));
    order.addEventListener("click", () => { lab.together = !lab.together; order.setAttribute("aria-pressed", String(lab.together)); paint(lab); });
    lab.element.querySelectorAll("[data-save]").forEach((b) => b.addEventListener("click", () => lab.spec && saves[b.dataset.save](lab)));
  }

  /* ---- which item lost which neighbours ---- */
  function chips(lab, item, list) {
    const box = make("span", "xp-lab-chips");
    for (const other of list) {
      const chip = button("", () => open(lab, item, other), "xp-lab-chip"), img = lab.thumbs.get(other), { label } = lab.spec.items[other];
      chip.append(img ? Object.assign(make("img"), { src: img.src, alt: "" }) : make("i", "", String(other + 1)), make("span", "", label));
      chip.title = label;
      box.append(chip);
    }
    if (!list.length) box.append(make("small", "", say("none")));
    return box;
  }
  function fill(lab, row, i, heads) {
    const img = lab.thumbs.get(i), name = make("span", "xp-lab-name"), { kept, lost, fresh } = lab.changes[i];
    if (img) name.append(Object.assign(make("img"), { src: img.src, alt: "" }));
    name.append(make("span", "", lab.spec.items[i].label));
    for (const content of [String(i + 1), name, share(kept.length, lab.spec.near), chips(lab, i, lost.slice(0, WIDE)), chips(lab, i, fresh.slice(0, WIDE))]) row.insertCell().append(content);
    [...row.cells].forEach((cell, at) => { cell.dataset.label = heads[at]; });
  }
  /* When the slider rests, and only if the table is still there. */
  function quiet(act, body) {
    setTimeout(() => { if (body.isConnected) act(); }, RESTS);
  }
  function lost(lab) {
    const { spec, count, changes } = lab, box = lab.find(".xp-lab-lost");
    const order = spec.items.map((_, i) => i).sort((a, b) => changes[b].lost.length - changes[a].lost.length || a - b), shown = order.slice(0, SHOWN_ROWS);
    const heads = [say("No."), say("Item"), say("Kept"), say("Lost"), say("Came instead")];
    const table = make("table", "xp-table xp-lab-table xp-stack"), head = table.createTHead().insertRow(), body = table.createTBody();
    for (const name of heads) head.append(Object.assign(make("th", "", name), { scope: "col" }));
    const scroll = box.querySelector(".xp-scroll") ?? Object.assign(make("div", "xp-scroll"), { tabIndex: 0 });
    const rows = (list) => list.forEach((i) => fill(lab, body.insertRow(), i, heads));
    const first = scroll.scrollTop ? SHOWN_ROWS : AT_ONCE; // what has to be scrolled to would hold up the slider
    rows(shown.slice(0, first));
    quiet(() => rows(shown.slice(first)), body);
    scroll.setAttribute("role", "region"); scroll.setAttribute("aria-label", say("Neighbours lost by each item"));
    scroll.replaceChildren(table);
    const losers = changes.filter((one) => one.lost.length).length;
    const most = say("{losers} of {count} items have lost neighbours at {width} dimensions; the ones that lost most are listed first.", { losers, count, width: lab.dim });
    const words = count > SHOWN_ROWS ? `${most} ${say("The first {shown} are listed, Save CSV has all.", { shown: SHOWN_ROWS })}` : most;
    const said = box.querySelector(".xp-comment") ?? make("p", "xp-comment");
    said.textContent = words;
    if (!scroll.parentElement) box.replaceChildren(make("h3", "xp-h", say("Which item lost which neighbours")), said, scroll);
  }

  /* ---- both items of a pair ---- */
  function open(lab, a, b) {
    lab.cursor = [a, b];
    const box = lab.find(".xp-lab-pair"), { items, full } = lab.spec;
    const side = (id) => {
      const card = make("article"), item = items[id], img = lab.thumbs.get(id);
      if (img) card.append(Object.assign(make("img", "xp-big"), { src: img.src, alt: "" }));
      card.append(make("p", "", item.text || item.label), make("small", "", `${id + 1} · ${say(item.kind)}`));
      return card;
    };
    const pair = make("div", "xp-pair"), list = make("dl", "xp-stats");
    pair.append(side(a), side(b));
    const rank = (orders, from, to) => (from === to ? say("itself") : share(orders.sorted[from].indexOf(to) + 1, lab.count - 1));
    const near = (one, other) => say("{one} is neighbour of {other}, now", { one: one + 1, other: other + 1 });
    const rows = [[say("cosine at {width}", { width: lab.dim }), cosine(lab, lab.now, a, b).toFixed(4)], [say("cosine at {width}", { width: full }), cosine(lab, lab.whole, a, b).toFixed(4)],
      [near(b, a), rank(lab.orders, a, b)], [say("at full width"), rank(lab.fullOrders, a, b)],
      [near(a, b), rank(lab.orders, b, a)], [say("at full width"), rank(lab.fullOrders, b, a)]];
    list.append(...rows.map(([name, value]) => { const one = make("div"); one.append(make("dt", "", name), make("dd", "", value)); return one; }));
    box.replaceChildren(pair, list);
    box.hidden = false;
    lab.live.textContent = `${items[a].label} — ${items[b].label}: ${told(lab, a, b)}. ${say("The pair is shown below.")}`;
    paint(lab);
  }

  /* ---- files ---- */
  const nameOf = (lab) => `truncation-${lab.spec.task}-${lab.dim}`.toLowerCase().replace(/[^a-z0-9-]/g, "");
  function png(lab) {
    const canvases = [lab.stage, lab.find(".xp-lab-map")].map((box) => box.querySelector("canvas")), gap = 24, top = 56;
    const sheet = document.createElement("canvas"), page = sheet.getContext("2d");
    sheet.width = canvases.reduce((s, c) => s + c.width + gap, gap); sheet.height = Math.max(...canvases.map((c) => c.height)) + top + gap;
    page.fillStyle = lab.ink.paper; page.fillRect(0, 0, sheet.width, sheet.height);
    page.fillStyle = lab.ink.text; page.font = "600 22px system-ui, sans-serif";
    page.fillText(say("{title} · kept {kept} % of {near} neighbours", { title: lab.title.textContent, kept: (100 * lab.facts.kept).toFixed(1), near: lab.spec.near }), gap, 36);
    let x = gap;
    for (const canvas of canvases) { page.drawImage(canvas, x, top); x += canvas.width + gap; }
    window.Explorer.give(`${nameOf(lab)}.png`, sheet.toDataURL("image/png"));
  }
  const names = (lab, list) => list.map((i) => `${i + 1}: ${lab.spec.items[i].label}`).join("; ");
  const saves = {
    png,
    csv: (lab) => window.Explorer.give(`${nameOf(lab)}.csv`, window.Explorer.csvOf(lab.changes.map((one, i) => ({ item: i + 1, label: lab.spec.items[i].label, dimensions: lab.dim, neighbours: lab.spec.near, kept: one.kept.length, lost: names(lab, one.lost), "came instead": names(lab, one.fresh) }))), "text/csv"),
    json: (lab) => {
      const table = lab.spec.items.map((_, i) => Array.from(lab.now.subarray(i * lab.count, (i + 1) * lab.count), (x) => +x.toFixed(6)));
      const items = lab.spec.items.map((item, i) => ({ label: item.label, kept: lab.changes[i].kept, lost: lab.changes[i].lost, came: lab.changes[i].fresh, x: lab.is[i][0], y: lab.is[i][1] }));
      window.Explorer.give(`${nameOf(lab)}.json`, JSON.stringify({ task: lab.spec.task, dimensions: lab.dim, full: lab.spec.full, neighbours: lab.spec.near, ...lab.facts, items, cosines: table }, null, 1), "application/json");
    },
  };

  window.Explorer.hearFirst("#truncation-lab", (width) => labWidth("truncation", width));
  return { mountLab, labWidth };
})());

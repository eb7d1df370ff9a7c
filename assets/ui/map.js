/* The browser half of ui/map.py: reads what Python sends, and wires the tools, the legend and the selection
   around the canvas of map_canvas.js. Saving is in map_save.js. Texts are only ever set as textContent. */
Object.assign(window.Explorer, (() => {
  "use strict";
  const { say } = window.Explorer;
  const SHOWN_ROWS = 100, SHOWN_FACES = 60;
  const coarse = matchMedia("(pointer: coarse)").matches, still = matchMedia("(prefers-reduced-motion: reduce)");
  const parse = (text) => { try { return text ? JSON.parse(text) : null; } catch { return null; } };
  const css = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const inks = () => ({ text: css("--xp-ink"), soft: css("--xp-ink-soft"), paper: css("--xp-card"), mark: css("--xp-mark"), dark: document.body.classList.contains("dark") });
  const make = (tag, name, text) => { const e = document.createElement(tag); if (name) e.className = name; if (text !== undefined) e.textContent = text; return e; };
  const button = (text, act, name = "xp-png") => { const b = make("button", name, text); b.type = "button"; b.addEventListener("click", act); return b; };

  function bytes(text) {
    const raw = atob(text), out = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out;
  }
  const floats = (text) => new Float32Array(bytes(text).buffer);

  /* A column as codes for the palette: categories as they are, numbers in equal steps. */
  function column(engine, field) {
    if (!field) return null;
    if (field.kind === "category") return { ...field, codes: bytes(field.codes), names: field.names };
    const values = floats(field.values), reach = field.high - field.low || 1;
    const codes = Uint8Array.from(values, (x) => (Number.isNaN(x) ? engine.NONE : Math.min(engine.STEPS - 1, Math.floor(((x - field.low) / reach) * engine.STEPS))));
    return { ...field, values, codes, names: [] };
  }
  const cell = (field, i) => (field.kind === "category" ? field.names[field.codes[i]] : Number.isNaN(field.values[i]) ? "" : String(+field.values[i].toPrecision(6)));

  function mountMap(element, props, trigger, watch) {
    const find = (name) => element.querySelector(name), engine = window.ExplorerCanvas();
    const map = { element, trigger, engine, find, stage: find(".xp-map-stage"), live: find(".xp-live"), title: find(".xp-chart-title"), spec: null, layout: null,
                  fields: [], groups: null, only: null, tool: "move", texts: [], labels: [], low: null };
    map.tip = make("div", "xp-tip"); map.tip.hidden = true; map.tip.setAttribute("role", "presentation"); element.appendChild(map.tip);
    map.view = engine.create(find("canvas"), {
      inks, label: (i) => map.labels[i] ?? map.texts[i], tool: () => map.tool,
      hover: (i, event) => hover(map, i, event), pick: (i) => choose(map, i),
      region: (list, add) => select(map, list, add), drawn: (v) => { map.stage.dataset.ms = v.ms.toFixed(1); map.stage.dataset.frame = v.frame; },
    });
    map.stage.explorer = map; // what the tests and the console look at
    tools(map); keys(map);
    watch("value", () => load(map, parse(props.value)));
    watch("patch", () => move(map, parse(props.patch)));
    watch("groups", () => regroup(map, parse(props.groups)));
    watch("near", () => near(map, parse(props.near)));
    new ResizeObserver(() => map.view.resize()).observe(map.stage);
    new MutationObserver(() => { legend(map); map.view.ask(); }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    load(map, parse(props.value));
  }

  /* ---- what comes from the server ---- */
  function load(map, spec) {
    map.element.classList.toggle("xp-empty", !spec);
    map.spec = spec; map.groups = null; map.only = null; map.low = null;
    if (!spec) return;
    map.texts = spec.texts.split("\n"); map.labels = spec.labels ? spec.labels.split("\n") : [];
    map.fields = spec.fields.map((field) => column(map.engine, field));
    map.view.setPoints(spec.count);
    for (const [at, source] of Object.entries(spec.thumbs)) {
      const img = new Image();
      img.onload = () => map.view.ask();
      img.src = source;
      map.view.v.thumbs.set(Number(at), img);
    }
    map.find(".xp-map-search input").value = "";
    map.find("[data-show=showThumbs]").hidden = !map.view.v.thumbs.size;
    colours(map); select(map, [], false); filter(map);
    map.view.resize();
    move(map, spec.layout, false);
  }
  function move(map, layout, animate = true) {
    if (!layout || !map.spec || layout.base !== map.spec.base) return;
    map.layout = layout;
    map.title.textContent = layout.title;
    map.positions = floats(layout.positions);
    map.stage.setAttribute("aria-label", layout.summary);
    map.view.setLayout(map.positions, layout.axes, animate && !still.matches);
    map.stage.dataset.title = layout.title;
  }
  function regroup(map, told) {
    if (!told || !map.spec || told.base !== map.spec.base) return;
    map.groups = column(map.engine, told.field);
    if (map.groups && !told.again) map.colour = "cluster"; // asked for just now
    colours(map, map.groups && !map.colour ? "cluster" : undefined);
  }
  function near(map, told) {
    if (!told || !map.spec || told.base !== map.spec.base) return;
    map.view.set({ near: told, cursor: told.item });
    map.live.textContent = say("Neighbours of {item} are listed below the map.", { item: map.texts[told.item].slice(0, 80) });
  }

  /* ---- colours and legend ---- */
  const columns = (map) => [...(map.groups ? [map.groups] : []), ...map.fields];
  const current = (map) => columns(map).find((field) => field.name === map.find(".xp-map-colour").value);
  function colours(map, wanted) {
    const choice = map.find(".xp-map-colour"), names = columns(map).map((field) => field.name);
    choice.replaceChildren(...names.map((name) => { const o = make("option", "", name); o.value = name; return o; }));
    // what the visitor chose by hand stays with other points; else each collection begins with its most telling column
    choice.value = [wanted, map.colour, map.spec.first].find((name) => names.includes(name)) ?? names[0] ?? "";
    choice.closest("label").hidden = !names.length;
    paint(map);
  }
  function paint(map) {
    const field = current(map);
    map.only = null;
    map.view.setColours(field?.kind ?? "category", field?.codes ?? null, field?.names ?? []);
    legend(map); filter(map);
  }
  function legend(map) {
    const box = map.find(".xp-map-legend"), field = current(map);
    if (!map.spec || !field) { box.replaceChildren(); return; }
    const table = map.engine.palette(field.kind, field.kind === "number" ? map.engine.STEPS : field.names.length, inks().dark);
    if (field.kind === "number") {
      const bar = make("span", "xp-map-ramp");
      bar.style.background = `linear-gradient(90deg, ${table.map((c) => map.engine.rgb(c)).join(", ")})`;
      box.replaceChildren(make("span", "", String(+field.low.toPrecision(4))), bar, make("span", "", String(+field.high.toPrecision(4))));
      return;
    }
    const counts = new Uint32Array(256);
    for (const code of field.codes) counts[code]++;
    box.replaceChildren(...field.names.map((name, at) => {
      const b = button("", () => { map.only = map.only === at ? null : at; legendPressed(map); filter(map); }, "xp-map-key");
      const dot = make("span", "xp-map-dot");
      dot.style.background = map.engine.rgb(table[at]);
      b.append(dot, make("span", "", name), make("small", "", counts[at].toLocaleString("en")));
      return b;
    }));
    legendPressed(map);
  }
  function legendPressed(map) {
    [...map.find(".xp-map-legend").children].forEach((b, at) => { if (b.tagName === "BUTTON") b.setAttribute("aria-pressed", String(map.only === at)); });
  }
  /* What matches the search and the pressed colour stands out; nothing goes to the server. */
  function filter(map) {
    const words = map.find(".xp-map-search input").value.toLowerCase().split(/\s+/).filter(Boolean), field = current(map), said = map.find(".xp-map-found");
    const active = words.length > 0 || map.only !== null;
    map.find("[data-do=select]").disabled = !active;
    if (!active || !map.spec) { map.view.set({ lit: null }); said.textContent = ""; return; }
    map.low ??= map.texts.map((text) => text.toLowerCase());
    const lit = new Uint8Array(map.spec.count);
    let count = 0;
    for (let i = 0; i < lit.length; i++) {
      if (!words.every((word) => map.low[i].includes(word)) || (map.only !== null && field.codes[i] !== map.only)) continue;
      lit[i] = 1; count++;
    }
    map.view.set({ lit });
    said.textContent = say("{count} of {all} found", { count: count.toLocaleString("en"), all: lit.length.toLocaleString("en") });
  }

  /* ---- tools and keys ---- */
  function tools(map) {
    const on = (selector, event, act) => map.element.querySelectorAll(selector).forEach((e) => e.addEventListener(event, () => act(e)));
    const touch = () => { map.stage.style.touchAction = map.tool === "move" ? "pan-y" : "none"; };
    on("[data-tool]", "click", (e) => {
      map.tool = e.dataset.tool; touch();
      map.element.querySelectorAll("[data-tool]").forEach((b) => b.setAttribute("aria-pressed", String(b === e)));
      map.stage.dataset.tool = map.tool;
    });
    const acts = { in: () => map.view.zoomBy(1.4), out: () => map.view.zoomBy(1 / 1.4), reset: () => map.view.reset(), select: () => select(map, lit(map), false) };
    on("[data-do]", "click", (e) => acts[e.dataset.do]());
    on(".xp-map-colour", "change", (e) => { map.colour = e.value; paint(map); });
    on("[data-show]", "click", (e) => {
      const shown = e.getAttribute("aria-pressed") !== "true";
      e.setAttribute("aria-pressed", String(shown));
      map.view.set({ [e.dataset.show]: shown });
    });
    on(".xp-map-search input", "input", () => filter(map));
    on("[data-save]", "click", (e) => window.Explorer.saveMap(map, e.dataset.save));
    touch();
  }
  const lit = (map) => { const { lit, n } = map.view.v, all = Array.from({ length: n }, (_, i) => i); return lit ? all.filter((i) => lit[i]) : all; };
  function keys(map) {
    const way = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
    map.stage.addEventListener("keydown", (event) => {
      if (!map.spec || event.ctrlKey || event.metaKey || event.altKey) return;
      const { v } = map.view, arrow = way[event.key];
      if (arrow && event.shiftKey) map.view.drag(-40 * arrow[0], -40 * arrow[1]);
      else if (arrow) { const at = map.view.walk(...arrow); if (at >= 0) map.live.textContent = told(map, at); }
      else if (event.key === "Enter" && v.cursor >= 0) choose(map, v.cursor);
      else if (event.key === " " && v.cursor >= 0) select(map, [v.cursor], "toggle");
      else if (event.key === "+" || event.key === "=") map.view.zoomBy(1.4);
      else if (event.key === "-") map.view.zoomBy(1 / 1.4);
      else if (event.key === "Escape") { map.view.set({ near: null, cursor: -1 }); select(map, [], false); }
      else return;
      event.preventDefault();
    });
  }
  const told = (map, i) => { const field = current(map); return `${map.texts[i].slice(0, 120)}${field ? `, ${field.name} ${cell(field, i)}` : ""}`; };
  function choose(map, i) {
    map.view.set({ cursor: i });
    map.trigger("pick", { index: i });
  }
  function hover(map, i, event) {
    map.find("canvas").style.cursor = i >= 0 ? "pointer" : "";
    if (i < 0 || coarse) { map.tip.hidden = true; return; }
    const img = map.view.v.thumbs.get(i), rows = columns(map).slice(0, 4).map((field) => make("small", "", `${field.name}: ${cell(field, i)}`));
    map.tip.replaceChildren(...(img ? [Object.assign(make("img", "xp-map-face"), { src: img.src, alt: "" })] : []), make("span", "", map.texts[i].slice(0, 160)), ...rows);
    map.tip.hidden = false;
    const { clientX: x, clientY: y } = event, w = map.tip.offsetWidth, h = map.tip.offsetHeight;
    map.tip.style.left = Math.max(8, x + 16 + w > innerWidth ? x - w - 12 : x + 16) + "px";
    map.tip.style.top = Math.max(8, y + 16 + h > innerHeight ? y - h - 12 : y + 16) + "px";
  }

  /* ---- the selection: a gallery and a table ---- */
  function select(map, list, add) {
    const chosen = add ? map.view.v.chosen.slice() : new Uint8Array(map.view.v.n);
    for (const i of list) chosen[i] = add === "toggle" ? 1 - chosen[i] : 1;
    map.view.set({ chosen });
    map.picked = Array.from(chosen.keys()).filter((i) => chosen[i]);
    table(map);
  }
  function table(map) {
    const box = map.find(".xp-map-chosen"), { picked } = map, fields = columns(map);
    box.hidden = !picked.length;
    if (!picked.length) { box.replaceChildren(); return; }
    const count = say(picked.length === 1 ? "{count} item selected" : "{count} items selected", { count: picked.length.toLocaleString("en") });
    map.live.textContent = count;
    const head = make("div", "xp-map-head");
    head.append(make("h3", "xp-h", count), button(say("Save CSV"), () => window.Explorer.saveMap(map, "csv")), button(say("Clear selection"), () => { select(map, [], false); map.stage.focus(); }));
    const gallery = make("div", "xp-map-gallery");
    for (const i of picked.filter((i) => map.view.v.thumbs.has(i)).slice(0, SHOWN_FACES)) {
      const b = button("", () => choose(map, i), "xp-map-pick");
      b.append(Object.assign(make("img", "xp-map-face"), { src: map.view.v.thumbs.get(i).src, alt: map.texts[i].slice(0, 80) }));
      gallery.append(b);
    }
    const rows = make("table", "xp-table"), top = rows.createTHead().insertRow(), body = rows.createTBody();
    for (const name of [say("Item"), ...fields.map((field) => field.name)]) top.append(Object.assign(make("th", "", name), { scope: "col" }));
    for (const i of picked.slice(0, SHOWN_ROWS)) {
      const row = body.insertRow();
      row.insertCell().append(button(map.labels[i] ?? map.texts[i], () => choose(map, i), "xp-map-row"));
      for (const field of fields) row.insertCell().textContent = cell(field, i);
    }
    const scroll = make("div", "xp-scroll");
    Object.assign(scroll, { tabIndex: 0 }); scroll.setAttribute("role", "region"); scroll.setAttribute("aria-label", say("Table of the selection"));
    scroll.append(rows);
    const more = picked.length > SHOWN_ROWS ? [make("p", "xp-explain", say("The first {shown} are listed; Save CSV has all.", { shown: SHOWN_ROWS }))] : [];
    box.replaceChildren(head, ...(gallery.children.length ? [gallery] : []), scroll, ...more);
  }

  return { mountMap, mapColumns: columns, mapCell: cell, mapInks: inks, mapColumn: current };
})());

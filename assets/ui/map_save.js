/* Maps as files, made in the browser: PNG, a page that needs nothing else, JSON of positions, CSV of a selection. */
Object.assign(window.Explorer, (() => {
  "use strict";
  const { say } = window.Explorer;
  const LEGEND_ROWS = 12;

  function give(name, content, type) {
    const link = document.createElement("a"), address = content instanceof Blob ? URL.createObjectURL(content) : URL.createObjectURL(new Blob([content], { type }));
    link.href = address; link.download = name; link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }
  const nameOf = (map) => `map-${map.layout.method}-${map.layout.width}`.toLowerCase().replace(/[^a-z0-9-]/g, "");

  /* Title, the map as it is on show at twice the size, and the legend. */
  function png(map) {
    const { v } = map.view, ink = window.Explorer.mapInks(), field = window.Explorer.mapColumn(map), ratio = 2, top = 34;
    const names = field?.kind === "category" ? field.names.slice(0, LEGEND_ROWS) : [], bottom = names.length ? 16 + 20 * Math.ceil(names.length / 3) : 10;
    const sheet = document.createElement("canvas"), inner = document.createElement("canvas");
    sheet.width = v.width * ratio; sheet.height = (v.height + top + bottom) * ratio;
    inner.width = v.width * ratio; inner.height = v.height * ratio;
    map.view.draw(inner.getContext("2d"), ratio);
    const page = sheet.getContext("2d"), font = (size, weight) => `${weight} ${size}px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`;
    page.fillStyle = ink.paper; page.fillRect(0, 0, sheet.width, sheet.height);
    page.drawImage(inner, 0, top * ratio);
    page.scale(ratio, ratio);
    page.fillStyle = ink.text; page.font = font(15, 600); page.fillText(map.layout.title, 14, 23);
    const table = map.engine.palette("category", names.length, ink.dark);
    page.font = font(12, 400);
    names.forEach((name, at) => {
      const x = 14 + (at % 3) * (v.width / 3), y = top + v.height + 18 + 20 * Math.floor(at / 3);
      page.fillStyle = map.engine.rgb(table[at]); page.beginPath(); page.arc(x + 5, y - 4, 5, 0, 6.2832); page.fill();
      page.fillStyle = ink.text; page.fillText(name.slice(0, 34), x + 16, y);
    });
    map.view.ask();
    sheet.toBlob((blob) => give(`${nameOf(map)}.png`, blob));
  }

  function rows(map, list) {
    const { axes } = map.layout, columns = window.Explorer.mapColumns(map), cell = window.Explorer.mapCell;
    return list.map((i) => ({
      item: i, text: map.texts[i], ...Object.fromEntries(columns.map((field) => [field.name, cell(field, i)])),
      ...Object.fromEntries(["x", "y", "z"].slice(0, axes).map((name, k) => [name, +map.positions[i * axes + k].toPrecision(7)])),
    }));
  }
  function json(map) {
    const { method, width, task, seed, axes, title } = map.layout, items = rows(map, Array.from({ length: map.spec.count }, (_, i) => i));
    give(`${nameOf(map)}.json`, JSON.stringify({ title, method, axes, width, task, seed, items }, null, 1), "application/json");
  }
  /* No spreadsheet may take a text for a formula: a quote before a dangerous beginning. */
  function csv(map) {
    const quote = (value) => {
      const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) && Number.isNaN(Number(value)) ? `'${value}` : String(value);
      return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
    };
    const list = rows(map, map.picked), names = list.length ? Object.keys(list[0]) : [];
    give("selection.csv", [names, ...list.map((row) => names.map((name) => row[name]))].map((line) => line.map(quote).join(",")).join("\r\n") + "\r\n", "text/csv");
  }

  /* A page of its own with the same canvas: move, turn, zoom, and labels on hover. */
  function page(map) {
    const { v } = map.view, ink = window.Explorer.mapInks(), field = window.Explorer.mapColumn(map);
    const data = {
      ink, title: map.layout.title, axes: map.layout.axes, count: map.spec.count, positions: map.layout.positions, texts: map.texts, thumbs: map.spec.thumbs,
      kind: v.kind, codes: v.codes ? Array.from(v.codes) : null, names: v.names, field: field?.name ?? "",
    };
    const script = `(${shown.toString()})((${window.ExplorerCanvas.toString()})(), ${JSON.stringify(data).replace(/</g, "\\u003c")});`;
    const style = `body{margin:0;padding:16px 20px;background:${ink.paper};color:${ink.text};font:15px/1.4 system-ui,sans-serif}h1{font-size:1.1rem;margin:0 0 4px}
      canvas{width:100%;height:74vh;display:block;touch-action:none}p{margin:0 0 8px;font-size:.86rem;opacity:.8}li{display:inline-flex;gap:6px;align-items:center;margin-right:16px}
      ul{list-style:none;margin:8px 0 0;padding:0;font-size:.86rem}i{width:11px;height:11px;border-radius:50%;display:inline-block}#tip{position:fixed;max-width:300px;padding:8px 10px;
      border-radius:8px;border:1px solid;background:${ink.paper};font-size:.84rem;pointer-events:none}#tip img{display:block;max-width:112px}`;
    const open = (tag, more = "") => "<" + tag + more + ">", shut = (tag) => "<" + "/" + tag + ">";
    const body = [open("h1"), shut("h1"), open("p"), say("Drag to move or turn, wheel with Ctrl to zoom, point to read."), shut("p"), open("div"), open("canvas"), shut("canvas"), shut("div"),
                  open("ul"), shut("ul"), open("div", " id='tip' hidden"), shut("div")].join("");
    const whole = ["<" + "!doctype html>", open("html", ` lang='${document.documentElement.lang}'`), open("meta", " charset='utf-8'"), open("meta", " name='viewport' content='width=device-width'"), open("title"), say("Map"), shut("title"),
                   open("style"), style, shut("style"), open("body"), body, open("script"), script, shut("script"), shut("body"), shut("html")];
    give(`${nameOf(map)}.html`, whole.join("\n"), "text/html");
  }
  /* Runs in the saved page, so it uses nothing but what it is given. */
  function shown(engine, data) {
    const tip = document.getElementById("tip"), canvas = document.querySelector("canvas");
    const raw = atob(data.positions), octets = Uint8Array.from(raw, (c) => c.charCodeAt(0)), positions = new Float32Array(octets.buffer);
    document.title = document.querySelector("h1").textContent = data.title;
    const view = engine.create(canvas, {
      inks: () => data.ink, label: (i) => data.texts[i], tool: () => "move", pick: () => {}, region: () => {},
      hover(i, event) {
        tip.hidden = i < 0;
        if (i < 0) return;
        const words = document.createElement("span"), img = view.v.thumbs.get(i);
        words.textContent = data.texts[i].slice(0, 200);
        tip.replaceChildren(...(img ? [img.cloneNode()] : []), words);
        tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
        tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + "px";
      },
    });
    view.setPoints(data.count);
    for (const [at, source] of Object.entries(data.thumbs)) { const img = new Image(); img.onload = view.ask; img.src = source; view.v.thumbs.set(Number(at), img); }
    view.setColours(data.kind, data.codes, data.names);
    const table = engine.palette("category", data.names.length, data.ink.dark);
    document.querySelector("ul").append(...data.names.map((name, at) => {
      const line = document.createElement("li"), dot = document.createElement("i");
      dot.style.background = engine.rgb(table[at]); line.append(dot, name);
      return line;
    }));
    view.resize();
    view.setLayout(positions, data.axes, false);
    addEventListener("resize", view.resize);
    window.savedMap = view;
  }

  function saveMap(map, kind) {
    if (map.spec && map.layout) ({ png, html: page, json, csv })[kind](map);
  }
  return { saveMap };
})());

/* Points on a canvas, in two or three dimensions: drawing, moving, picking. It knows nothing of the page around
   it and is one function, so that a saved map can carry it along as text. No element per point: 50,000 of them
   are written into one picture, a few thousand are drawn as discs or thumbnails. */
window.ExplorerCanvas = function () {
  "use strict";
  const DENSE = 4000, LABELLED = 120, NONE = 255, MOVE_MS = 700;
  const LIGHT = ["#3b57c0", "#c2500a", "#0b7a5a", "#a3287f", "#8a6d00", "#0f7f9c", "#7a4fd0", "#b3261e", "#5b6672", "#4c7a12", "#8c4a2f", "#d1477a"];
  const DARK = ["#8ea6ff", "#ffa45c", "#4fd1a5", "#f08ad0", "#e0c04a", "#5ecbe6", "#b99bff", "#ff8a80", "#aab4c0", "#a6d65a", "#d6a184", "#ff9dc0"];
  const RAMP = { light: ["#d07a10", "#b8343c", "#4a1a66"], dark: ["#7a5fc0", "#e0708a", "#ffe08a"] };
  const STEPS = 24;

  const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  function hue(at, dark) { // beyond the chosen colours: hues a golden angle apart
    const h = (at * 137.508) % 360, s = 0.55, l = dark ? 0.7 : 0.4, a = s * Math.min(l, 1 - l);
    return [0, 8, 4].map((k) => Math.round(255 * (l - a * Math.max(-1, Math.min(((k + h / 30) % 12) - 3, 9 - ((k + h / 30) % 12), 1)))));
  }
  function palette(kind, count, dark) {
    if (kind === "number") {
      const stops = RAMP[dark ? "dark" : "light"].map(channels);
      return Array.from({ length: STEPS }, (_, at) => {
        const t = (at / (STEPS - 1)) * (stops.length - 1), k = Math.min(stops.length - 2, Math.floor(t));
        return stops[k].map((c, j) => Math.round(c + (stops[k + 1][j] - c) * (t - k)));
      });
    }
    const chosen = (dark ? DARK : LIGHT).map(channels);
    return Array.from({ length: count }, (_, at) => chosen[at] || hue(at, dark));
  }
  const rgb = (c, alpha = 1) => `rgba(${c[0]},${c[1]},${c[2]},${alpha})`;

  /* options: inks() -> {text, paper, soft, mark, dark}, label(i), hover(i or -1, event), pick(i), region(list, add), tool() */
  function create(canvas, options) {
    const ctx = canvas.getContext("2d");
    const v = { n: 0, axes: 2, now: new Float32Array(0), from: null, to: null, fit: { c: [0, 0, 0], scale: 1 }, zoom: 1, panX: 0, panY: 0,
                yaw: 0, pitch: 0, codes: null, kind: "category", names: [], lit: null, chosen: null, cursor: -1, near: null,
                thumbs: new Map(), showThumbs: true, showLabels: true, moving: 0, frame: 0, width: 0, height: 0, ms: 0, shape: null };
    let sx, sy, sz, order, asked = 0, colours = [], middles = null;

    function setPoints(count) {
      Object.assign(v, { n: count, now: new Float32Array(3 * count), to: null, from: null, codes: null, lit: null, chosen: new Uint8Array(count), cursor: -1, near: null });
      sx = new Float32Array(count); sy = new Float32Array(count); sz = new Float32Array(count); order = new Uint32Array(count);
      v.thumbs = new Map();
    }
    function bounds(at, axes) {
      const low = [1e9, 1e9, 1e9], high = [-1e9, -1e9, -1e9];
      for (let i = 0; i < at.length; i++) { const k = i % 3; if (at[i] < low[k]) low[k] = at[i]; if (at[i] > high[k]) high[k] = at[i]; }
      const c = low.map((l, k) => (l + high[k]) / 2), half = low.map((l, k) => Math.max(1e-6, (high[k] - l) / 2));
      let radius = 0;
      if (axes === 3) for (let i = 0; i < at.length; i += 3) radius = Math.max(radius, (at[i] - c[0]) ** 2 + (at[i + 1] - c[1]) ** 2 + (at[i + 2] - c[2]) ** 2);
      return { c, half, radius: Math.sqrt(radius) || 1e-6 };
    }
    function fitOf(at, axes) {
      const { c, half, radius } = bounds(at, axes), pad = v.n <= LABELLED ? 46 : 22;
      const w = Math.max(50, v.width / 2 - pad), h = Math.max(50, v.height / 2 - pad);
      return { c, scale: axes === 3 ? Math.min(w, h) / radius * 1.05 : Math.min(w / half[0], h / half[1]) };
    }
    /* Positions (n x axes); the way there is shown unless there is nothing to come from. */
    function setLayout(positions, axes, animate) {
      const to = new Float32Array(3 * v.n);
      for (let i = 0; i < v.n; i++) for (let k = 0; k < axes; k++) to[3 * i + k] = positions[i * axes + k];
      const turned = axes !== v.axes || !v.to;
      v.from = animate && v.to ? { at: v.now.slice(), fit: v.fit, yaw: v.yaw, pitch: v.pitch } : null;
      v.to = { at: to, fit: fitOf(to, axes), yaw: turned ? (axes === 3 ? 0.6 : 0) : v.yaw, pitch: turned ? (axes === 3 ? 0.35 : 0) : v.pitch };
      v.axes = axes; middles = null;
      v.moving = v.from ? performance.now() : 0;
      if (!v.from) step(1);
      ask();
    }
    function step(t) {
      const s = t < 0.5 ? 4 * t * t * t : 1 - (2 - 2 * t) ** 3 / 2, a = v.from || v.to, b = v.to, mix = (x, y) => x + (y - x) * s;
      if (t >= 1) v.now.set(b.at); else for (let i = 0; i < v.now.length; i++) v.now[i] = mix(a.at[i], b.at[i]);
      v.fit = { c: b.fit.c.map((c, k) => mix(a.fit.c[k], c)), scale: mix(a.fit.scale, b.fit.scale) };
      v.yaw = mix(a.yaw, b.yaw); v.pitch = mix(a.pitch, b.pitch);
      if (t >= 1) { v.moving = 0; v.from = null; }
    }
    function ask() { if (!asked) asked = requestAnimationFrame(frame); }
    function frame() {
      asked = 0;
      if (v.moving) { step(Math.min(1, (performance.now() - v.moving) / MOVE_MS)); if (v.moving) ask(); }
      draw();
    }
    function resize() {
      const ratio = Math.min(2, window.devicePixelRatio || 1), width = canvas.clientWidth, height = canvas.clientHeight;
      if (!width || (width === v.width && height === v.height && canvas.width === Math.round(width * ratio))) return;
      canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
      Object.assign(v, { width, height, ratio });
      if (v.to) { v.to.fit = fitOf(v.to.at, v.axes); if (!v.moving) v.fit = v.to.fit; }
      ask();
    }
    function setColours(kind, codes, names) { Object.assign(v, { kind, codes, names }); middles = null; ask(); }
    function set(changes) { Object.assign(v, changes); middles = null; ask(); }

    function project() {
      const cy = Math.cos(v.yaw), sn = Math.sin(v.yaw), cp = Math.cos(v.pitch), sp = Math.sin(v.pitch), [ox, oy, oz] = v.fit.c;
      const s = v.fit.scale * v.zoom, mx = v.width / 2 + v.panX, my = v.height / 2 + v.panY, far = 1 / (4 * Math.max(v.width, v.height));
      for (let i = 0; i < v.n; i++) {
        const x = v.now[3 * i] - ox, y = v.now[3 * i + 1] - oy, z = v.now[3 * i + 2] - oz;
        const x1 = cy * x + sn * z, z1 = cy * z - sn * x, y1 = cp * y - sp * z1, z2 = sp * y + cp * z1;
        const p = 1 / Math.max(0.35, 1 - z2 * v.fit.scale * far);
        sx[i] = mx + x1 * s * p; sy[i] = my - y1 * s * p; sz[i] = z2;
      }
      sort();
    }
    function sort() { // from back to front, by counting
      if (v.axes === 2) { for (let i = 0; i < v.n; i++) order[i] = i; return; }
      let low = Infinity, high = -Infinity;
      for (let i = 0; i < v.n; i++) { if (sz[i] < low) low = sz[i]; if (sz[i] > high) high = sz[i]; }
      const bins = 256, counts = new Uint32Array(bins + 1), bin = (i) => Math.min(bins - 1, ((sz[i] - low) / (high - low || 1)) * bins | 0);
      for (let i = 0; i < v.n; i++) counts[bin(i) + 1]++;
      for (let k = 0; k < bins; k++) counts[k + 1] += counts[k];
      for (let i = 0; i < v.n; i++) order[counts[bin(i)]++] = i;
    }
    const radius = () => (v.n <= 60 ? 7 : v.n <= 500 ? 5.5 : v.n <= DENSE ? 3.4 : v.n <= 20000 ? 1.8 : 1.3) * Math.min(2.2, Math.max(0.8, v.zoom ** 0.35));
    const isLit = (i) => !v.lit || v.lit[i];
    const colourOf = (i) => (v.codes && v.codes[i] !== NONE && colours[v.codes[i]]) || [128, 134, 142];
    const pictured = (i) => { const img = v.showThumbs && v.thumbs.get(i); return img && img.complete && img.naturalWidth ? img : null; };

    function draw(target = ctx, ratio = v.ratio || 1) {
      if (!v.to || !v.width) return;
      const start = performance.now(), ink = options.inks();
      colours = palette(v.kind, v.kind === "number" ? STEPS : v.names.length, ink.dark);
      project();
      target.setTransform(1, 0, 0, 1, 0, 0);
      if (target === ctx) target.clearRect(0, 0, canvas.width, canvas.height);
      if (v.n > DENSE) dots(target, ratio, ink);
      target.setTransform(ratio, 0, 0, ratio, 0, 0);
      if (v.near) lines(target, ink);
      if (v.n <= DENSE) discs(target, ink);
      marks(target, ink);
      if (v.showLabels) labels(target, ink);
      if (v.shape && v.shape.length > 1) outline(target, ink);
      v.ms = performance.now() - start;
      v.frame++;
      if (options.drawn) options.drawn(v);
    }
    function dots(target, ratio, ink) {
      const W = Math.round(v.width * ratio), H = Math.round(v.height * ratio), image = target.createImageData(W, H), px = new Uint32Array(image.data.buffer);
      const pack = (c, alpha) => ((alpha << 24) | (c[2] << 16) | (c[1] << 8) | c[0]) >>> 0;
      const table = colours.map((c) => pack(c, 0xc8)), grey = pack([128, 134, 142], 0xa0), faint = pack([128, 134, 142], 0x30), mark = pack(hexOf(ink.mark), 0xff);
      const spot = (i, colour, size) => {
        const left = Math.round(sx[i] * ratio - size / 2), top = Math.round(sy[i] * ratio - size / 2);
        if (left < 0 || top < 0 || left + size > W || top + size > H) return;
        for (let y = top; y < top + size; y++) for (let x = left, p = y * W + x; x < left + size; x++, p++) {
          const old = px[p]; // halfway between what is there and the new one, and a little more solid
          px[p] = old ? (((old & colour) + (((old ^ colour) & 0xfefefefe) >>> 1)) | 0xd0000000) >>> 0 : colour;
        }
      };
      const size = Math.max(2, Math.round(2 * radius() * ratio));
      // a ring around each would be a solid block: here what is not selected steps back instead
      const some = v.chosen.indexOf(1) >= 0, stands = (i) => (some ? v.chosen[i] : isLit(i)), few = some && v.chosen.reduce((a, b) => a + b) <= 50;
      if (some || v.lit) for (let k = 0; k < v.n; k++) if (!stands(order[k])) spot(order[k], faint, size);
      for (let k = 0; k < v.n; k++) { const i = order[k]; if (stands(i)) spot(i, few ? mark : v.codes && v.codes[i] !== NONE ? table[v.codes[i]] : grey, few ? size + 3 : size); }
      target.putImageData(image, 0, 0);
    }
    const hexOf = (text) => (text.startsWith("#") && text.length === 7 ? channels(text) : [209, 56, 15]);
    /* Where the picture of a point is drawn: left, top, width, height. */
    function thumbBox(i, img) {
      const side = Math.min(64, (v.n <= 60 ? 40 : 30) * Math.min(1.6, Math.max(0.75, v.zoom ** 0.35)));
      const scale = side / Math.max(img.naturalWidth, img.naturalHeight), w = img.naturalWidth * scale, h = img.naturalHeight * scale;
      return [sx[i] - w / 2, sy[i] - h / 2, w, h];
    }
    function discs(target, ink) {
      const r = radius(), flat = v.axes === 2 && v.thumbs.size && v.showThumbs;
      // a text often lies where its picture does: in the plane dots come after pictures, else nobody sees them
      const turns = flat ? [...order].sort((a, b) => Boolean(pictured(b)) - Boolean(pictured(a)) || a - b) : order;
      for (let k = 0; k < v.n; k++) {
        const i = turns[k], lit = isLit(i), img = pictured(i);
        target.globalAlpha = lit ? (img ? 1 : 0.9) : 0.13;
        if (img) {
          const box = thumbBox(i, img);
          target.drawImage(img, ...box);
          target.strokeStyle = v.chosen[i] ? ink.mark : rgb(colourOf(i)); target.lineWidth = v.chosen[i] ? 3 : 1.6;
          target.strokeRect(...box);
          continue;
        }
        target.fillStyle = rgb(colourOf(i));
        target.beginPath(); target.arc(sx[i], sy[i], r, 0, 6.2832); target.fill();
        if (v.n <= 1000 || v.chosen[i]) { target.strokeStyle = v.chosen[i] ? ink.mark : ink.paper; target.lineWidth = v.chosen[i] ? 2.5 : 1; target.stroke(); }
      }
      target.globalAlpha = 1;
    }
    function lines(target, ink) {
      const { item, full, cut } = v.near, both = new Set(cut.filter((i) => full.includes(i)));
      const to = (i, colour, dash) => {
        target.strokeStyle = colour; target.lineWidth = 1.5; target.setLineDash(dash);
        target.beginPath(); target.moveTo(sx[item], sy[item]); target.lineTo(sx[i], sy[i]); target.stroke();
      };
      full.forEach((i) => to(i, ink.soft, both.has(i) ? [] : [5, 4])); // solid: kept; dashed: lost; coloured: new
      cut.forEach((i) => { if (!both.has(i)) to(i, ink.mark, [2, 3]); });
      target.setLineDash([]);
    }
    function marks(target, ink) {
      for (const [i, colour] of [[v.near ? v.near.item : -1, ink.mark], [v.cursor, ink.text]]) {
        if (i < 0 || i >= v.n) continue;
        target.strokeStyle = ink.paper; target.lineWidth = 5;
        target.beginPath(); target.arc(sx[i], sy[i], radius() + 6, 0, 6.2832); target.stroke();
        target.strokeStyle = colour; target.lineWidth = 2.5; target.stroke();
      }
    }
    /* Of each group the point nearest to its middle, where its name stands: the middle of scattered ones is empty. */
    function middlesOf() {
      const { at } = v.to, sums = v.names.map(() => [0, 0, 0, 0]), found = v.names.map(() => -1), least = v.names.map(() => Infinity);
      const each = (act) => { for (let i = 0; i < v.n; i++) if (isLit(i) && sums[v.codes[i]]) act(i, v.codes[i], sums[v.codes[i]]); };
      each((i, _, s) => { for (let k = 0; k < 3; k++) s[k] += at[3 * i + k]; s[3]++; });
      each((i, group, s) => {
        const far = Math.hypot(at[3 * i] - s[0] / s[3], at[3 * i + 1] - s[1] / s[3], at[3 * i + 2] - s[2] / s[3]);
        if (far < least[group]) { least[group] = far; found[group] = i; }
      });
      return found;
    }
    /* A label is left out where it would lie over a picture or over a label that is there. */
    function labels(target, ink) {
      const taken = [], ABOVE = 11, BELOW = 4;
      const room = (x, y, w) => taken.every((t) => x + w < t[0] || x > t[0] + t[2] || y + BELOW < t[1] || y - ABOVE > t[1] + t[3]);
      if (v.n <= DENSE) for (let i = 0; i < v.n; i++) { const img = isLit(i) && pictured(i); if (img) taken.push(thumbBox(i, img)); }
      /* Written at the first of these heights that is free. */
      const write = (text, x, heights, weight) => {
        target.font = `${weight} 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`;
        const w = target.measureText(text).width, left = Math.min(v.width - w - 4, Math.max(4, x - w / 2));
        const y = heights.find((y) => y >= 10 && y <= v.height - 4 && room(left, y, w));
        if (y === undefined) return;
        taken.push([left, y - ABOVE, w, ABOVE + BELOW]);
        target.lineWidth = 3.5; target.lineJoin = "round"; target.strokeStyle = ink.paper; target.strokeText(text, left, y);
        target.fillStyle = ink.text; target.fillText(text, left, y);
      };
      const brief = (text, most) => (text.length > most ? text.slice(0, most - 1).trimEnd() + "…" : text);
      if (v.n <= LABELLED) {
        const half = (i) => { const img = pictured(i); return img ? thumbBox(i, img)[3] / 2 : radius(); };
        const heights = (i) => [sy[i] + half(i) + ABOVE + 3, sy[i] - half(i) - BELOW - 2];
        for (let k = v.n - 1; k >= 0; k--) if (isLit(order[k])) write(brief(options.label(order[k]), v.width < 500 ? 18 : 30), sx[order[k]], heights(order[k]), 400);
      } else if (v.kind === "category" && v.names.length > 1 && v.codes) {
        middles ??= middlesOf();
        const near = (y) => [0, 20, -20, 40, -40, 60, -60].map((step) => y + step); // the middle of a group is where pictures are
        middles.forEach((i, at) => { if (i >= 0) write(brief(v.names[at], 26), sx[i], near(sy[i]), 650); });
      }
    }
    function outline(target, ink) {
      target.beginPath(); v.shape.forEach(([x, y], at) => (at ? target.lineTo(x, y) : target.moveTo(x, y))); target.closePath();
      target.strokeStyle = ink.mark; target.lineWidth = 1.5; target.setLineDash([5, 4]); target.stroke(); target.setLineDash([]);
      target.globalAlpha = 0.08; target.fillStyle = ink.mark; target.fill(); target.globalAlpha = 1;
    }

    /* ---- finding ---- */
    function pick(x, y) {
      let best = -1, least = 18 * 18;
      for (let k = 0; k < v.n; k++) {
        const i = order[k], d = (sx[i] - x) ** 2 + (sy[i] - y) ** 2;
        if (d <= least && isLit(i)) { least = d; best = i; }
      }
      return best;
    }
    function inside(shape) {
      const sheet = document.createElement("canvas"), w = (sheet.width = Math.ceil(v.width)), h = (sheet.height = Math.ceil(v.height));
      const mask = sheet.getContext("2d", { willReadFrequently: true }); // filled once, then one look per point
      mask.beginPath(); shape.forEach(([x, y], at) => (at ? mask.lineTo(x, y) : mask.moveTo(x, y))); mask.fill();
      const alpha = mask.getImageData(0, 0, w, h).data, found = [];
      for (let i = 0; i < v.n; i++) {
        const x = Math.floor(sx[i]), y = Math.floor(sy[i]);
        if (x >= 0 && y >= 0 && x < w && y < h && alpha[4 * (y * w + x) + 3] > 127 && isLit(i)) found.push(i);
      }
      return found;
    }
    /* The nearest point in a direction of the screen; from nowhere, the one nearest to the middle. */
    function walk(dx, dy) {
      const here = v.cursor, x = here < 0 ? v.width / 2 : sx[here], y = here < 0 ? v.height / 2 : sy[here];
      let best = here, least = Infinity;
      for (let i = 0; i < v.n; i++) {
        if (i === here || !isLit(i)) continue;
        const ax = sx[i] - x, ay = sy[i] - y, d = Math.hypot(ax, ay) || 0.01, along = (ax * dx + ay * dy) / d;
        if (here >= 0 && along < 0.35) continue;
        const cost = here < 0 ? d : d * (2 - along);
        if (cost < least) { least = cost; best = i; }
      }
      set({ cursor: best });
      return best;
    }
    function zoomBy(factor, x = v.width / 2, y = v.height / 2) {
      const before = v.zoom, mx = x - v.width / 2, my = y - v.height / 2;
      v.zoom = Math.max(0.4, Math.min(60, v.zoom * factor));
      const f = v.zoom / before;
      v.panX = mx - (mx - v.panX) * f; v.panY = my - (my - v.panY) * f;
      ask();
    }
    function drag(dx, dy, pan) {
      if (v.axes === 3 && !pan && !v.moving) { v.yaw += dx * 0.008; v.pitch = Math.max(-1.5, Math.min(1.5, v.pitch + dy * 0.008)); v.to.yaw = v.yaw; v.to.pitch = v.pitch; }
      else { v.panX += dx; v.panY += dy; }
      ask();
    }
    function reset() {
      Object.assign(v, { zoom: 1, panX: 0, panY: 0, yaw: v.axes === 3 ? 0.6 : 0, pitch: v.axes === 3 ? 0.35 : 0 });
      if (v.to) Object.assign(v.to, { yaw: v.yaw, pitch: v.pitch });
      ask();
    }

    /* ---- pointers: drag to move or turn, draw a box or lasso, click to pick; two fingers zoom ---- */
    const down = new Map();
    let start = null, far = 0;
    const spot = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button > 1) return;
      canvas.setPointerCapture(event.pointerId);
      down.set(event.pointerId, spot(event));
      start = spot(event); far = 0;
      if (options.tool() !== "move") v.shape = [start];
      options.hover(-1, event);
    });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = spot(event), last = down.get(event.pointerId);
      if (!last) { const at = v.moving ? -1 : pick(x, y); options.hover(at, event); return; }
      down.set(event.pointerId, [x, y]);
      far = Math.max(far, Math.hypot(x - start[0], y - start[1]));
      if (down.size === 2) {
        const other = [...down.entries()].find(([id]) => id !== event.pointerId)[1], apart = (p) => Math.max(20, Math.hypot(p[0] - other[0], p[1] - other[1]));
        v.shape = null;
        zoomBy(apart([x, y]) / apart(last), (x + other[0]) / 2, (y + other[1]) / 2);
      } else if (options.tool() === "move") { if (far > 4) drag(x - last[0], y - last[1], event.shiftKey); }
      else if (v.shape) { v.shape = options.tool() === "box" ? [start, [x, start[1]], [x, y], [start[0], y]] : [...v.shape, [x, y]]; ask(); }
    });
    const ended = (event) => {
      if (!down.delete(event.pointerId)) return;
      const shape = v.shape, [x, y] = spot(event);
      v.shape = null;
      if (event.type === "pointercancel") { ask(); return; }
      if (far < 5) { const at = pick(x, y); if (at >= 0) options.pick(at, event); }
      else if (shape && shape.length > 2) options.region(inside(shape), event.shiftKey);
      ask();
    };
    canvas.addEventListener("pointerup", ended);
    canvas.addEventListener("pointercancel", ended);
    canvas.addEventListener("pointerleave", (event) => { if (!down.size) options.hover(-1, event); });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && !canvas.parentElement.contains(document.activeElement)) return; // the page scrolls
      event.preventDefault();
      zoomBy(Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) * 0.004), ...spot(event));
    }, { passive: false });

    const screen = (i) => [sx[i], sy[i]];
    return { v, setPoints, setLayout, setColours, set, ask, draw, resize, pick, inside, walk, zoomBy, drag, reset, screen };
  }
  return { create, palette, rgb, STEPS, NONE };
};

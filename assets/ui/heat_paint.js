/* Colours, canvases and files of the token and patch maps; heatmap.js decides what is shown. */
window.Explorer.mapPaint = (() => {
  "use strict";
  const { say } = window.Explorer;

  // From ink blue over green to yellow, of even steps in lightness: told apart without colour too.
  const RAMP = [[24, 28, 84], [38, 80, 140], [36, 128, 146], [84, 174, 118], [190, 206, 84], [255, 234, 88]];
  const VEIL = [10, 14, 22];
  const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

  function colour(share) {
    const at = Math.max(0, Math.min(1, share)) * (RAMP.length - 1), low = Math.min(RAMP.length - 2, Math.floor(at)), rest = at - low;
    return RAMP[low].map((value, i) => Math.round(value + (RAMP[low + 1][i] - value) * rest));
  }
  const rampCss = () => `linear-gradient(90deg, ${RAMP.map((c) => `rgb(${c.join(" ")})`).join(", ")})`;
  const share = (value, [low, high]) => Math.max(0, Math.min(1, (value - low) / (high - low || 1)));

  /* One pixel per patch: colour and strength of the paint over it. */
  function layer(grid, values, limits, look) {
    const canvas = document.createElement("canvas");
    canvas.width = grid.cols; canvas.height = grid.rows;
    const context = canvas.getContext("2d"), pixels = context.createImageData(grid.cols, grid.rows);
    values.forEach((value, i) => {
      const part = share(value, limits), spot = look.paint === "spotlight";
      pixels.data.set([...(spot ? VEIL : colour(part)), Math.round(255 * look.opacity * (spot ? 1 - part : 1))], i * 4);
    });
    context.putImageData(pixels, 0, 0);
    return canvas;
  }

  /* A picture with its patches: on the page and in the saved file alike. */
  function picture(context, box, shown) {
    const { grid, image, values, limits, look, best, cursor } = shown, w = box.w / grid.cols, h = box.h / grid.rows;
    context.save();
    context.beginPath();
    context.rect(box.x, box.y, box.w, box.h);
    context.clip();
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.fillStyle = "#888";
    context.fillRect(box.x, box.y, box.w, box.h);
    if (image) context.drawImage(image, box.x, box.y, box.w, box.h);
    context.imageSmoothingEnabled = look.smooth;
    context.drawImage(layer(grid, values, limits, look), box.x, box.y, box.w, box.h);
    if (!look.smooth && Math.min(w, h) > 12) gridLines(context, box, grid);
    if (look.numbers && Math.min(w, h) >= 34) numbers(context, box, grid, values, Math.min(15, w / 3.1));
    if (best >= 0) outline(context, box, grid, best, "#ff5a1f", 3.5);
    if (cursor >= 0) outline(context, box, grid, cursor, "#ffffff", 2);
    context.restore();
  }
  function gridLines(context, box, grid) {
    context.strokeStyle = "rgb(255 255 255 / 0.35)";
    context.lineWidth = 1;
    context.beginPath();
    for (let c = 1; c < grid.cols; c++) { const x = box.x + (box.w * c) / grid.cols; context.moveTo(x, box.y); context.lineTo(x, box.y + box.h); }
    for (let r = 1; r < grid.rows; r++) { const y = box.y + (box.h * r) / grid.rows; context.moveTo(box.x, y); context.lineTo(box.x + box.w, y); }
    context.stroke();
  }
  function numbers(context, box, grid, values, size) {
    context.font = `600 ${size}px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    values.forEach((value, i) => {
      const x = box.x + (box.w * ((i % grid.cols) + 0.5)) / grid.cols, y = box.y + (box.h * (Math.floor(i / grid.cols) + 0.5)) / grid.rows;
      context.lineWidth = 3;
      context.strokeStyle = "rgb(8 12 20 / 0.8)";
      context.strokeText(value.toFixed(2), x, y);
      context.fillStyle = "#fff";
      context.fillText(value.toFixed(2), x, y);
    });
  }
  function outline(context, box, grid, patch, ink, width) {
    const w = box.w / grid.cols, h = box.h / grid.rows, x = box.x + (patch % grid.cols) * w, y = box.y + Math.floor(patch / grid.cols) * h, half = width / 2;
    for (const [line, wide] of [["rgb(8 12 20 / 0.75)", width + 2.5], [ink, width]]) {
      context.strokeStyle = line;
      context.lineWidth = wide;
      context.strokeRect(x + half + 1, y + half + 1, w - width - 2, h - width - 2);
    }
  }

  /* ---- the saved picture: heading, map, scale and bars on one sheet ---- */
  const SHEET = { width: 1000, edge: 32, map: 430 };

  function sheet(view) {
    const canvas = document.createElement("canvas"), context = canvas.getContext("2d"), scale = 2;
    const paint = (height) => {
      canvas.width = SHEET.width * scale; canvas.height = Math.ceil(height) * scale;
      context.scale(scale, scale);
      context.fillStyle = view.ink.paper;
      context.fillRect(0, 0, SHEET.width, height);
      return compose(context, view);
    };
    paint(paint(10)); // once to learn the height, once for good
    return canvas;
  }
  function compose(context, view) {
    const { edge, map, width } = SHEET, ink = view.ink;
    let y = wrapped(context, view.title, edge, edge + 6, width - 2 * edge, `600 19px ${FONT}`, ink.text, 25);
    y = wrapped(context, view.subtitle, edge, y + 4, width - 2 * edge, `14px ${FONT}`, ink.soft, 19) + 14;
    let left = y;
    if (view.shown) {
      const { rows, cols } = view.shown.grid, fit = Math.min(map / cols, 560 / rows);
      picture(context, { x: edge, y, w: fit * cols, h: fit * rows }, view.shown);
      left += fit * rows + 14;
    }
    if (view.units.length) left = flow(context, view.units, edge, left, map, ink) + 14;
    left = legend(context, edge, left, map, view, ink);
    return Math.max(left, bars(context, edge + map + 36, y, width - 2 * edge - map - 36, view, ink)) + edge;
  }
  function wrapped(context, text, x, y, room, font, ink, step) {
    context.font = font;
    context.fillStyle = ink;
    context.textAlign = "left";
    context.textBaseline = "top";
    let line = "";
    for (const word of text.split(/(?<=\s)/)) {
      if (line && context.measureText(line + word).width > room) { context.fillText(line, x, y); y += step; line = ""; }
      line += word;
    }
    context.fillText(line, x, y);
    return y + step;
  }
  function flow(context, units, x, y, room, ink) {
    context.textBaseline = "middle";
    context.textAlign = "left";
    let at = x;
    for (const unit of units) {
      context.font = `15px ${FONT}`;
      const words = unit.text.replace(/\s/g, " "), w = Math.max(context.measureText(words).width, 30) + 2;
      if (at + w > x + room && at > x) { at = x; y += 42; }
      if (unit.own) { context.fillStyle = unit.fill; context.fillRect(at, y, w - 1, 24); }
      if (unit.best) { context.strokeStyle = ink.mark; context.lineWidth = 2; context.strokeRect(at + 1, y + 1, w - 3, 22); }
      context.fillStyle = unit.own ? ink.text : ink.soft;
      context.fillText(words, at + 1, y + 12);
      context.font = `10px ${FONT}`;
      context.fillStyle = ink.soft;
      context.fillText(unit.value.toFixed(2), at + 1, y + 32);
      at += w;
      if (unit.text.includes("\n")) { at = x; y += 42; }
    }
    return y + 42;
  }
  function legend(context, x, y, room, view, ink) {
    const bar = context.createLinearGradient(x, 0, x + room, 0);
    view.stops.forEach((stop, i) => bar.addColorStop(i / (view.stops.length - 1), stop));
    context.fillStyle = bar;
    context.fillRect(x, y, room, 9);
    context.font = `12px ${FONT}`;
    context.fillStyle = ink.soft;
    context.textBaseline = "top";
    context.textAlign = "left";
    context.fillText(view.low, x, y + 14);
    context.textAlign = "center";
    context.fillText(say("product of token vectors (cosine)"), x + room / 2, y + 14);
    context.textAlign = "right";
    context.fillText(view.limits[1].toFixed(2), x + room, y + 14);
    return y + 34;
  }
  function bars(context, x, y, room, view, ink) {
    y = wrapped(context, view.score, x, y, room, `600 15px ${FONT}`, ink.text, 24);
    for (const row of view.rows) {
      context.textBaseline = "middle";
      context.textAlign = "left";
      context.font = `${row.chosen ? 700 : 400} 13px ${FONT}`;
      context.fillStyle = row.counted ? ink.text : ink.soft;
      context.fillText(clipped(context, row.name, 120), x, y + 11);
      context.fillStyle = ink.wash;
      context.fillRect(x + 128, y + 3, room - 300, 16);
      context.fillStyle = row.counted ? ink.accent : ink.line;
      context.fillRect(x + 128, y + 3, (room - 300) * Math.max(0, Math.min(1, row.value)), 16);
      context.fillStyle = ink.soft;
      context.font = `12px ${FONT}`;
      context.fillText(clipped(context, `${row.value.toFixed(2)}  ${row.share}  ${row.match}`, 164), x + room - 164, y + 11);
      y += 24;
    }
    return y;
  }
  function clipped(context, text, room) {
    if (context.measureText(text).width <= room) return text;
    const letters = Array.from(text);
    while (letters.length > 1 && context.measureText(letters.join("") + "…").width > room) letters.pop();
    return letters.join("") + "…";
  }

  function save(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 30000);
  }

  return { colour, picture, rampCss, save, share, sheet, stops: (paint) => paint === "spotlight"
    ? ["rgb(10 14 22)", "rgb(240 240 236)"] : RAMP.map((c) => `rgb(${c.join(" ")})`) };
})();

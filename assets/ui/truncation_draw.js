/* The Truncation lab's pictures: the matrix and the small map, each on a canvas. */
window.LabDraw = (() => {
  "use strict";
  const FACES = 28, GUTTER = 40, NUMBERED = 34, INSET = 22;
  const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

  /* Colour stops as [r, g, b]; between two of them in equal parts. */
  function stops(colours) {
    const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    return colours.map((colour) => { probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1); return probe.getImageData(0, 0, 1, 1).data.slice(0, 3); });
  }
  function colourOf(scale, share) {
    const at = Math.max(0, Math.min(1, share)) * (scale.length - 1), low = Math.min(scale.length - 2, Math.floor(at)), part = at - low;
    return [0, 1, 2].map((k) => Math.round(scale[low][k] + part * (scale[low + 1][k] - scale[low][k])));
  }

  /* The same in 256 steps, as pixels: what a large matrix is painted with. */
  const pixelsOf = new WeakMap();
  function painted(scale) {
    if (!pixelsOf.has(scale)) pixelsOf.set(scale, Uint32Array.from({ length: 256 }, (_, i) => { const [r, g, b] = colourOf(scale, i / 255); return (255 << 24) | (b << 16) | (g << 8) | r; }));
    return pixelsOf.get(scale);
  }

  function sized(canvas, width, height) {
    const ratio = Math.min(2, devicePixelRatio || 1);
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
    const page = canvas.getContext("2d");
    page.setTransform(ratio, 0, 0, ratio, 0, 0);
    page.clearRect(0, 0, width, height);
    return page;
  }

  /* Where the cells are: the same for drawing and for finding what is under the pointer. */
  function frame(width, count) {
    const gutter = count <= FACES ? GUTTER : 6, side = width - gutter - 2;
    return { gutter, side, cell: side / count, height: width };
  }

  function matrix(lab, canvas, width) {
    const { count, order, ink } = lab, { gutter, side, cell, height } = frame(width, count), page = sized(canvas, width, height);
    const [low, high] = lab.limits, scale = lab.scales[lab.view === "change" ? (ink.dark ? "dark" : "light") : "cosine"];
    const small = document.createElement("canvas");
    small.width = small.height = count;
    const pixels = new ImageData(count, count), words = new Uint32Array(pixels.data.buffer), table = painted(scale), step = 255 / (high - low);
    for (let r = 0, at = 0; r < count; r++) {
      for (let c = 0, row = order[r] * count; c < count; c++) words[at++] = table[Math.max(0, Math.min(255, Math.round((lab.values[row + order[c]] - low) * step)))];
    }
    small.getContext("2d").putImageData(pixels, 0, 0);
    page.imageSmoothingEnabled = false;
    page.drawImage(small, gutter, gutter, side, side);
    if (cell >= NUMBERED) values(lab, page, gutter, cell, scale);
    if (count <= FACES) for (let at = 0; at < count; at++) { face(lab, page, order[at], gutter / 2, gutter + cell * (at + 0.5), cell); face(lab, page, order[at], gutter + cell * (at + 0.5), gutter / 2, cell); }
    if (lab.cursor) {
      const [r, c] = lab.cursor.map((id) => order.indexOf(id));
      page.strokeStyle = ink.mark; page.lineWidth = 2.5;
      page.strokeRect(gutter + c * cell, gutter + r * cell, cell, cell);
    }
  }
  function values(lab, page, gutter, cell, scale) {
    const { count, order } = lab, [low, high] = lab.limits;
    page.font = `${Math.min(12, cell / 3.3)}px ${FONT}`; page.textAlign = "center"; page.textBaseline = "middle";
    for (let r = 0; r < count; r++) {
      for (let c = 0; c < count; c++) {
        const value = lab.values[order[r] * count + order[c]], rgb = colourOf(scale, (value - low) / (high - low));
        page.fillStyle = 0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2] > 115 ? "#10151b" : "#ffffff";
        page.fillText(value.toFixed(2), gutter + cell * (c + 0.5), gutter + cell * (r + 0.5));
      }
    }
  }
  /* A thumbnail, or the item's number where it has no picture. */
  function face(lab, page, id, x, y, cell) {
    const img = lab.thumbs.get(id), side = Math.min(GUTTER - 8, cell * 0.94);
    if (img?.complete && img.naturalWidth) {
      const shrink = side / Math.max(img.naturalWidth, img.naturalHeight), w = img.naturalWidth * shrink, h = img.naturalHeight * shrink;
      page.imageSmoothingEnabled = true;
      page.drawImage(img, x - w / 2, y - h / 2, w, h);
      return;
    }
    page.fillStyle = lab.ink.soft; page.font = `${Math.max(9, Math.min(13, cell * 0.6))}px ${FONT}`; page.textAlign = "center"; page.textBaseline = "middle";
    page.fillText(String(id + 1), x, y);
  }

  function place(lab, width, height) {
    const all = [...lab.was, ...lab.is], reach = Math.max(...all.flat().map(Math.abs)) || 1, scale = (Math.min(width, height) / 2 - INSET) / reach;
    return (point) => [width / 2 + point[0] * scale * Math.min(1.25, width / Math.min(width, height)), height / 2 - point[1] * scale];
  }
  function map(lab, canvas, width, height) {
    const page = sized(canvas, width, height), at = place(lab, width, height), { ink } = lab, face = lab.count <= 60;
    page.strokeStyle = ink.line; page.fillStyle = ink.soft; page.lineWidth = 1.5;
    lab.spots = lab.is.map(at);
    lab.was.forEach((point, i) => {
      const [x, y] = at(point);
      page.strokeStyle = ink.edge; page.beginPath(); page.moveTo(x, y); page.lineTo(...lab.spots[i]); page.stroke();
      page.beginPath(); page.arc(x, y, 2.5, 0, 6.2832); page.fill();
    });
    // pictures first, so that the numbers of texts that lie on them can be read
    const order = lab.spots.map((_, i) => i).sort((a, b) => lab.thumbs.has(b) - lab.thumbs.has(a) || a - b);
    order.forEach((i) => {
      const [x, y] = lab.spots[i], img = lab.thumbs.get(i), side = 26;
      if (face && img?.complete && img.naturalWidth) {
        const shrink = side / Math.max(img.naturalWidth, img.naturalHeight), w = img.naturalWidth * shrink, h = img.naturalHeight * shrink;
        page.drawImage(img, x - w / 2, y - h / 2, w, h);
        page.strokeStyle = ink.edge; page.lineWidth = 1; page.strokeRect(x - w / 2, y - h / 2, w, h);
      } else {
        page.fillStyle = ink.accent; page.beginPath(); page.arc(x, y, lab.count > 60 ? 4 : 9, 0, 6.2832); page.fill();
        if (face) { page.fillStyle = ink.paper; page.font = `600 10px ${FONT}`; page.textAlign = "center"; page.textBaseline = "middle"; page.fillText(String(i + 1), x, y + 0.5); }
      }
      if (lab.cursor?.includes(i)) { page.strokeStyle = ink.mark; page.lineWidth = 2.5; page.beginPath(); page.arc(x, y, 17, 0, 6.2832); page.stroke(); }
    });
  }

  return { stops, frame, matrix, map };
})();

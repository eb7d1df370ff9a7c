/* The Truncation lab's arithmetic: cosines, neighbours, rank correlation and a small PCA map of one collection at any
   width, from its full-width vectors. Pure functions of arrays; nothing of the page is touched here. */
window.LabMath = (() => {
  "use strict";
  const AXES = 6, ROUNDS = 40, FEWER = 10, SWEEPS = 12;

  /* Little-endian float32 in base64. */
  const floats = (text) => { const raw = atob(text), out = new Uint8Array(raw.length); for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i); return new Float32Array(out.buffer); };

  /* Inner products of the first `width` numbers. A step of the slider only adds or takes off what lies between. */
  function create(vectors, count, full) {
    const products = new Float64Array(count * count);
    let at = 0;
    function reach(width) {
      if (Math.abs(width - at) > width) { products.fill(0); at = 0; }
      const [from, to, sign] = width >= at ? [at, width, 1] : [width, at, -1];
      for (let i = 0; i < count; i++) {
        for (let j = i; j < count; j++) {
          let sum = 0;
          for (let d = from, a = i * full + from, b = j * full + from; d < to; d++) sum += vectors[a++] * vectors[b++];
          products[i * count + j] += sign * sum;
        }
      }
      at = width;
    }
    /* Cosines of all pairs at a width: Float64Array (count x count). */
    function cosines(width) {
      reach(width);
      const out = new Float64Array(count * count), scale = Float64Array.from({ length: count }, (_, i) => 1 / (Math.sqrt(products[i * count + i]) || Infinity));
      for (let i = 0; i < count; i++) {
        for (let j = i; j < count; j++) out[i * count + j] = out[j * count + i] = products[i * count + j] * scale[i] * scale[j];
      }
      return out;
    }
    return { cosines };
  }

  /* All others of each item from near to far, and their ranks with ties shared. Of equals the later item comes first, as
     in the benchmarks. */
  function orders(table, count, before) {
    const sorted = [], ranks = [];
    for (let i = 0; i < count; i++) {
      const row = table.subarray(i * count, (i + 1) * count), list = before ? before.sorted[i].slice() : [];
      if (!before) for (let j = count - 1; j >= 0; j--) if (j !== i) list.push(j);
      list.sort((a, b) => row[b] - row[a] || b - a); // quick where it is nearly in order already
      const rank = new Float64Array(count);
      for (let start = 0; start < list.length;) {
        let end = start + 1;
        while (end < list.length && row[list[end]] === row[list[start]]) end++;
        for (let k = start; k < end; k++) rank[list[k]] = (start + end - 1) / 2;
        start = end;
      }
      sorted.push(list); ranks.push(rank);
    }
    return { sorted, ranks };
  }

  /* Spearman's correlation of the orders around each item, the item itself left out; their mean. */
  function correlation(one, other, count) {
    const middle = (count - 2) / 2;
    let total = 0;
    for (let i = 0; i < count; i++) {
      let both = 0, left = 0, right = 0;
      for (let j = 0; j < count; j++) {
        if (j === i) continue;
        const a = one.ranks[i][j] - middle, b = other.ranks[i][j] - middle;
        both += a * b; left += a * a; right += b * b;
      }
      total += left && right ? both / Math.sqrt(left * right) : 0;
    }
    return total / count;
  }

  /* Of each item the neighbours kept, lost and new among the `near` nearest. */
  function changes(full, now, near) {
    return full.sorted.map((list, i) => {
      const was = list.slice(0, near), is = now.sorted[i].slice(0, near);
      return { kept: was.filter((j) => is.includes(j)), lost: was.filter((j) => !is.includes(j)), fresh: is.filter((j) => !was.includes(j)) };
    });
  }

  /* ---- the map: principal components of unit vectors from their cosines alone ---- */
  function centred(table, count) {
    const means = Float64Array.from({ length: count }, (_, i) => { let s = 0; for (let j = 0; j < count; j++) s += table[i * count + j]; return s / count; });
    const all = means.reduce((a, b) => a + b, 0) / count, out = new Float64Array(count * count);
    for (let i = 0; i < count; i++) for (let j = 0; j < count; j++) out[i * count + j] = table[i * count + j] - means[i] - means[j] + all;
    return out;
  }
  const dot = (a, b) => { let s = 0; for (let i = 0; i < a.length; i++) s += a[i] * b[i]; return s; };
  function orthonormal(columns) {
    columns.forEach((column, k) => {
      for (let pass = 0; pass < 2; pass++) {
        for (let m = 0; m < k; m++) { const share = dot(column, columns[m]); for (let i = 0; i < column.length; i++) column[i] -= share * columns[m][i]; }
      }
      const length = Math.sqrt(dot(column, column));
      for (let i = 0; i < column.length; i++) column[i] = length > 1e-12 ? column[i] / length : 0;
    });
    return columns;
  }
  /* Eigenvectors of a small symmetric matrix by Jacobi's rotations: [values, columns], the largest first. */
  function jacobi(matrix) {
    const size = matrix.length, a = matrix.map((row) => Array.from(row)), v = a.map((_, i) => a.map((_, j) => Number(i === j)));
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      for (let p = 0; p < size; p++) {
        for (let q = p + 1; q < size; q++) {
          if (Math.abs(a[p][q]) < 1e-15) continue;
          const angle = 0.5 * Math.atan2(2 * a[p][q], a[q][q] - a[p][p]), c = Math.cos(angle), s = Math.sin(angle);
          for (let k = 0; k < size; k++) { const x = a[k][p], y = a[k][q]; a[k][p] = c * x - s * y; a[k][q] = s * x + c * y; }
          for (let k = 0; k < size; k++) { const x = a[p][k], y = a[q][k]; a[p][k] = c * x - s * y; a[q][k] = s * x + c * y; }
          for (let k = 0; k < size; k++) { const x = v[k][p], y = v[k][q]; v[k][p] = c * x - s * y; v[k][q] = s * x + c * y; }
        }
      }
    }
    const order = a.map((_, i) => i).sort((i, j) => a[j][j] - a[i][i]);
    return [order.map((i) => a[i][i]), order.map((i) => v.map((row) => row[i]))];
  }
  /* Two principal components: positions as [x, y] of each item, and the axes found. The start is fixed, or the axes of
     full width, from which it is not far: so equal input gives equal maps, whatever was on show before. */
  function plane(table, count, start) {
    const matrix = centred(table, count), axes = Math.min(AXES, count);
    const times = (column) => { const out = new Float64Array(count); for (let i = 0, a = 0; i < count; i++) { let s = 0; for (let j = 0; j < count; j++) s += matrix[a++] * column[j]; out[i] = s; } return out; };
    const fresh = () => orthonormal(Array.from({ length: axes }, (_, k) => Float64Array.from({ length: count }, (_, i) => Math.sin(1 + 12.9898 * (i + 1) * (k + 1) + 78.233 * k))));
    let columns = start ?? fresh();
    for (let round = start ? FEWER : ROUNDS; round > 0; round--) columns = orthonormal(columns.map(times));
    const images = columns.map(times), [values, mixes] = jacobi(columns.map((one) => images.map((image) => dot(one, image))));
    const points = Array.from({ length: count }, (_, i) => [0, 1].map((k) => (k < axes ? Math.sqrt(Math.max(0, values[k])) * columns.reduce((s, column, m) => s + column[i] * mixes[k][m], 0) : 0)));
    return { points, columns };
  }
  function normalised(points) {
    const middle = [0, 1].map((k) => points.reduce((s, p) => s + p[k], 0) / points.length);
    const moved = points.map((p) => [p[0] - middle[0], p[1] - middle[1]]), size = Math.sqrt(moved.reduce((s, p) => s + p[0] ** 2 + p[1] ** 2, 0) / points.length) || 1;
    return moved.map((p) => [p[0] / size, p[1] / size]);
  }
  /* One map turned or mirrored onto another (Procrustes): the points, and how much they differ, 0 to 1. */
  function aligned(points, reference) {
    const p = normalised(points), q = normalised(reference), m = [[0, 0], [0, 0]];
    p.forEach((one, i) => { for (const r of [0, 1]) for (const c of [0, 1]) m[r][c] += one[r] * q[i][c]; });
    const turn = [m[0][0] + m[1][1], m[0][1] - m[1][0]], flip = [m[0][0] - m[1][1], m[0][1] + m[1][0]];
    const mirror = Math.hypot(...flip) > Math.hypot(...turn), [c, s] = mirror ? flip : turn, size = Math.hypot(c, s) || 1, a = c / size, b = s / size;
    const turned = p.map(([x, y]) => (mirror ? [a * x + b * y, b * x - a * y] : [a * x - b * y, b * x + a * y]));
    return { points: turned, differs: Math.max(0, 1 - (size / p.length) ** 2) };
  }

  return { floats, create, orders, correlation, changes, plane, normalised, aligned };
})();

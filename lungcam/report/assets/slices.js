"use strict";

/* Scan and heat-map in memory, and the planes through them; independent of the page. */
const lungcamSlices = (() => {
  // axes normal to a plane, along its columns and along its rows; the volume is RAS+
  const PLANES = { axial: [2, 0, 1], coronal: [1, 0, 2], sagittal: [0, 1, 2] };

  /* Unpack levels, which are packed as differences from voxel to voxel. */
  async function unpackLevels(base64) {
    const levels = new Uint8Array(await inflate(base64));
    for (let i = 1; i < levels.length; i++) levels[i] += levels[i - 1];
    return levels;
  }

  async function unpackHeat(base64) {
    return new Int16Array(await inflate(base64));
  }

  /* Position of the voxels of an axis between the heat-map's cells, which end at their faces. */
  function between(voxels, cells, start, step) {
    const low = new Int32Array(voxels), high = new Int32Array(voxels);
    const share = new Float32Array(voxels), inside = new Uint8Array(voxels);
    for (let i = 0; i < voxels; i++) {
      const x = start + step * i;
      const floor = Math.floor(x);
      low[i] = Math.min(Math.max(floor, 0), cells - 1);
      high[i] = Math.min(Math.max(floor + 1, 0), cells - 1);
      share[i] = x - floor;
      inside[i] = x >= -0.5 - 1e-6 && x <= cells - 0.5 + 1e-6 ? 1 : 0;
    }
    return { low, high, share, inside };
  }

  class Scan {
    constructor(data, levels, cells) {
      this.shape = data.shape;
      this.affine = data.affine;
      this.levels = levels;
      this.table = data.levels_hu;
      this.heat = data.heat;
      this.cells = cells;
      this.strides = [1, data.shape[0], data.shape[0] * data.shape[1]];
      this.cellStrides = [1, this.heat.shape[0], this.heat.shape[0] * this.heat.shape[1]];
      this.axes = [0, 1, 2].map((a) =>
        between(data.shape[a], this.heat.shape[a], this.heat.start[a], this.heat.step[a]));
    }

    world([i, j, k]) {
      return this.affine.map((row) => row[0] * i + row[1] * j + row[2] * k + row[3]);
    }

    level([i, j, k]) {
      return this.levels[i + this.strides[1] * j + this.strides[2] * k];
    }

    hu(index) {
      return this.table[this.level(index)];
    }

    /* Half the distance to the next level: the largest rounding error of the scan's value. */
    huStep(index) {
      const level = this.level(index), table = this.table;
      const below = level > 0 ? table[level] - table[level - 1] : 0;
      const above = level < table.length - 1 ? table[level + 1] - table[level] : 0;
      return Math.max(below, above) / 2;
    }

    /* The heat-map at a voxel, linear between cells, in units of the logit. */
    heatAt(index) {
      let sum = 0;
      for (let corner = 0; corner < 8; corner++) {
        let weight = 1, cell = 0;
        for (let a = 0; a < 3; a++) {
          const axis = this.axes[a], i = index[a], upper = (corner >> a) & 1;
          if (!axis.inside[i]) return 0;
          weight *= upper ? axis.share[i] : 1 - axis.share[i];
          cell += this.cellStrides[a] * (upper ? axis.high[i] : axis.low[i]);
        }
        sum += weight * this.cells[cell];
      }
      return sum * this.heat.unit;
    }

    /* The heat-map on a plane, as [columns * rows] of voxels in the volume's order. */
    heatPlane(plane, index) {
      const [normal, across, up] = PLANES[plane];
      const U = this.shape[across], V = this.shape[up];
      const u = this.axes[across], v = this.axes[up], n = this.axes[normal];
      const heat = new Float32Array(U * V);
      if (!n.inside[index]) return heat;
      const cu = this.heat.shape[across], cv = this.heat.shape[up];
      const [su, sv, sn] = [across, up, normal].map((a) => this.cellStrides[a]);
      const coarse = new Float32Array(cu * cv), share = n.share[index];
      for (let y = 0; y < cv; y++) {
        for (let x = 0; x < cu; x++) {
          const cell = x * su + y * sv;
          coarse[x + cu * y] = this.heat.unit * (
            (1 - share) * this.cells[cell + n.low[index] * sn] +
            share * this.cells[cell + n.high[index] * sn]);
        }
      }
      for (let y = 0; y < V; y++) {
        if (!v.inside[y]) continue;
        const below = cu * v.low[y], above = cu * v.high[y], t = v.share[y];
        for (let x = 0; x < U; x++) {
          if (!u.inside[x]) continue;
          const s = u.share[x], left = u.low[x], right = u.high[x];
          heat[x + U * y] =
            (1 - t) * ((1 - s) * coarse[below + left] + s * coarse[below + right]) +
            t * ((1 - s) * coarse[above + left] + s * coarse[above + right]);
        }
      }
      return heat;
    }

    /* Draw a plane with right (sagittal: front) on the left, and front or head at the top. */
    paint(context, plane, index, settings) {
      const [normal, across, up] = PLANES[plane];
      const U = this.shape[across], V = this.shape[up];
      const su = this.strides[across], sv = this.strides[up];
      const grey = this.table.map((hu) =>
        Math.max(0, Math.min(255, ((hu - settings.level) / settings.width + 0.5) * 255)));
      const heat = settings.opacity > 0 ? this.heatPlane(plane, index) : null;
      const image = context.createImageData(U, V), pixels = image.data;
      const begin = index * this.strides[normal];
      let offset = 0;
      for (let y = V - 1; y >= 0; y--) {
        for (let x = U - 1; x >= 0; x--) {
          const g = grey[this.levels[begin + x * su + y * sv]];
          let r = g, gr = g, b = g;
          if (heat) {
            const value = settings.against ? heat[x + U * y] : Math.max(0, heat[x + U * y]);
            const rgba = colour(this.heat.sign * value / this.heat.top);
            const a = rgba[3] * settings.opacity;
            r += a * (rgba[0] - g);
            gr += a * (rgba[1] - g);
            b += a * (rgba[2] - g);
          }
          pixels[offset] = r;
          pixels[offset + 1] = gr;
          pixels[offset + 2] = b;
          pixels[offset + 3] = 255;
          offset += 4;
        }
      }
      context.putImageData(image, 0, 0);
    }
  }

  // share of the brightest value, red, green, blue
  const FIRE = [[0, 110, 0, 30], [0.3, 190, 20, 20], [0.6, 245, 110, 15], [0.85, 255, 195, 40],
    [1, 255, 245, 165]];
  const COLD = [[0, 25, 20, 120], [0.3, 20, 70, 190], [0.6, 30, 140, 235], [0.85, 90, 205, 250],
    [1, 200, 245, 255]];
  // nothing is drawn below FLOOR, because it would fog the picture
  const FLOOR = 0.06, FULL = 0.55;

  function ramp(points, share) {
    let k = 1;
    while (k < points.length - 1 && points[k][0] < share) k++;
    const [low, high] = [points[k - 1], points[k]];
    const t = (share - low[0]) / (high[0] - low[0]);
    return [1, 2, 3].map((i) => low[i] + t * (high[i] - low[i]));
  }

  const COLOURS = Array.from({ length: 511 }, (_, i) => {
    const share = (i - 255) / 255, size = Math.abs(share);
    const alpha = Math.max(0, Math.min(1, (size - FLOOR) / (FULL - FLOOR)));
    return [...ramp(share < 0 ? COLD : FIRE, size), alpha];
  });

  /* Colour and opacity (0 to 1) of a share of the brightest value, -1 to 1. */
  function colour(share) {
    return COLOURS[Math.max(0, Math.min(510, Math.round(share * 255) + 255))];
  }

  return { PLANES, Scan, colour, unpackLevels, unpackHeat };
})();

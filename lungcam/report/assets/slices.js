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
      this.colour = palette(data.colours);
      this.strides = [1, data.shape[0], data.shape[0] * data.shape[1]];
      this.show(data.heat, cells);
    }

    /* Show another map: the heat-map, or where several nets disagree. */
    show(heat, cells) {
      this.heat = heat;
      this.cells = cells;
      this.cellStrides = [1, heat.shape[0], heat.shape[0] * heat.shape[1]];
      this.axes = [0, 1, 2].map((a) =>
        between(this.shape[a], heat.shape[a], heat.start[a], heat.step[a]));
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
      const share = (at) => {
        const value = settings.against ? heat[at] : Math.max(0, heat[at]);
        return this.heat.sign * value / this.heat.top;
      };
      let offset = 0;
      for (let y = V - 1; y >= 0; y--) {
        for (let x = U - 1; x >= 0; x--) {
          const g = grey[this.levels[begin + x * su + y * sv]];
          let r = g, gr = g, b = g;
          if (heat) {
            const at = x + U * y, here = share(at);
            let [red, green, blue, alpha] = this.colour(here);
            if (settings.outline) {
              // an edge runs where the share falls below a level from here to the next pixel
              const next = [x > 0 ? at - 1 : at, x < U - 1 ? at + 1 : at, y > 0 ? at - U : at,
                y < V - 1 ? at + U : at].map((other) => Math.abs(share(other)));
              const lowest = Math.min(...next), size = Math.abs(here);
              alpha = EDGES.some((edge) => size >= edge && lowest < edge) ? 1 : 0;
            }
            const a = alpha * settings.opacity;
            r += a * (red - g);
            gr += a * (green - g);
            b += a * (blue - g);
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

  // share of the brightest value, red, green, blue: evidence against
  const COLD = [[0, 25, 20, 120], [0.3, 20, 70, 190], [0.6, 30, 140, 235], [0.85, 90, 205, 250],
    [1, 200, 245, 255]];
  // shares of the brightest value at which outlines are drawn; heat is drawn from the first
  const EDGES = [0.2, 0.5];

  function ramp(points, share) {
    let k = 1;
    while (k < points.length - 1 && points[k][0] < share) k++;
    const [low, high] = [points[k - 1], points[k]];
    const t = (share - low[0]) / (high[0] - low[0]);
    return [1, 2, 3].map((i) => low[i] + t * (high[i] - low[i]));
  }

  /* Function of a share of the brightest value, -1 to 1, that returns its colour and opacity.
     The table is that of pictures: 256 rows of red, green, blue and opacity, 0 to 1. */
  function palette(table) {
    const rows = Array.from({ length: 511 }, (_, i) => {
      const size = Math.abs(i - 255), [red, green, blue, alpha] = table[size];
      const warm = [red, green, blue].map((x) => 255 * x);
      return [...(i < 255 ? ramp(COLD, size / 255) : warm), alpha];
    });
    return (share) => rows[Math.max(0, Math.min(510, Math.round(share * 255) + 255))];
  }

  return { PLANES, Scan, unpackLevels, unpackHeat };
})();

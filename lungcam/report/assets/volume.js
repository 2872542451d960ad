// Lungs and heat-map as a volume to turn: WebGL 2, one triangle, one ray per pixel.
"use strict";
(() => {
  const root = document.currentScript.closest("[data-volume]");
  const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const canvas = root.querySelector("canvas.volume");
  const print = root.querySelector("canvas.print");
  const BACKGROUND = [0.03, 0.035, 0.05];
  // target time of a frame while the volume turns; slower frames are drawn coarser
  const FRAME_MS = 60;
  const [azimuth, elevation] = data.views[data.view];
  const state = { azimuth, elevation, zoom: 1, lungs: 1, heat: 1, cuts: [0, 0, 0] };

  const cross = (a, b) => [
    a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0],
  ];
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

  // RAS: the patient faces +y; azimuth carries the camera to the patient's left
  function axes() {
    const [a, e] = [state.azimuth, state.elevation].map((degrees) => degrees * Math.PI / 180);
    const right = [-Math.cos(a), -Math.sin(a), 0];
    const toward = [
      -Math.sin(a) * Math.cos(e), Math.cos(a) * Math.cos(e), Math.sin(e),
    ];
    return { right, up: cross(toward, right), toward };
  }

  const start = data.origin_mm.map((mm, i) => mm - data.spacing_mm[i] / 2);
  const extent = data.shape.map((n, i) => n * data.spacing_mm[i]);
  const centre = start.map((mm, i) => mm + extent[i] / 2);

  // a small picture of a place looks at it alone, through a ball of this radius around it
  let place = null;

  function halfSize() {
    if (place) return [place.radius, place.radius];
    // fits the widest view, so that the scale does not change when the volume turns
    const radius = Math.hypot(extent[0], extent[1]) / 2;
    const aspect = canvas.clientWidth / canvas.clientHeight || 1;
    const half = Math.max(extent[2] / 2 * 1.06, radius / aspect * 1.02) / state.zoom;
    return [half * aspect, half];
  }

  // position of a point of the scan in the picture, in CSS pixels
  function project(point) {
    const { right, up } = axes();
    const [wide, high] = halfSize();
    const from = point.map((mm, i) => mm - centre[i]);
    return [
      (dot(from, right) / wide + 1) / 2 * canvas.clientWidth,
      (1 - dot(from, up) / high) / 2 * canvas.clientHeight,
    ];
  }

  function shader(gl, kind, source) {
    const result = gl.createShader(kind);
    gl.shaderSource(result, source);
    gl.compileShader(result);
    if (!gl.getShaderParameter(result, gl.COMPILE_STATUS)) throw Error(gl.getShaderInfoLog(result));
    return result;
  }

  function upload(gl, voxels) {
    const program = gl.createProgram();
    const corners = "#version 300 es\nvoid main() { gl_Position = vec4(" +
      "vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0, 1); }";
    gl.attachShader(program, shader(gl, gl.VERTEX_SHADER, corners));
    const rays = root.querySelector("script[type='x-shader/x-fragment']").textContent.trim();
    gl.attachShader(program, shader(gl, gl.FRAGMENT_SHADER, rays));
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    const clamp = (target, axes, filter) => {
      for (const axis of axes) gl.texParameteri(target, gl[`TEXTURE_WRAP_${axis}`], gl.CLAMP_TO_EDGE);
      for (const end of ["MIN", "MAG"]) gl.texParameteri(target, gl[`TEXTURE_${end}_FILTER`], filter);
    };
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_3D, gl.createTexture());
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.RG8, ...data.shape, 0, gl.RG, gl.UNSIGNED_BYTE, voxels);
    clamp(gl.TEXTURE_3D, ["S", "T", "R"], gl.LINEAR);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    // bytes are too coarse for opacities of a few thousandths
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, 256, 3, 0, gl.RGBA, gl.FLOAT,
      new Float32Array(data.tables.flat(2)));
    clamp(gl.TEXTURE_2D, ["S", "T"], gl.LINEAR);
    const uniform = (name) => gl.getUniformLocation(program, name);
    gl.uniform1i(uniform("volume"), 0);
    gl.uniform1i(uniform("tables"), 1);
    gl.uniform3fv(uniform("start"), start);
    gl.uniform3fv(uniform("extent"), extent);
    gl.uniform3fv(uniform("voxel"), data.spacing_mm);
    gl.uniform3fv(uniform("background"), BACKGROUND);
    gl.uniform1f(uniform("lit"), data.lit ? 1 : 0);
    return uniform;
  }

  // starts coarse, because the speed of this device is not known yet
  let gl, uniform, waiting = false, scale = 3, settled = 0;

  function draw(coarse) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2) / (coarse ? scale : 1);
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    const camera = axes();
    const elapsed = cast(camera, coarse);
    if (coarse && elapsed > 1.5 * FRAME_MS) scale = Math.min(6, scale * 1.4);
    else if (coarse && elapsed < FRAME_MS / 3) scale = Math.max(1, scale / 1.2);
    annotate(camera);
    root.dataset.drawn = String(Number(root.dataset.drawn || 0) + 1);
  }

  // cast the rays of a picture, and return the milliseconds that it took
  function cast(camera, coarse) {
    gl.viewport(0, 0, canvas.width, canvas.height);
    for (const name of ["right", "up", "toward"]) gl.uniform3fv(uniform(name), camera[name]);
    gl.uniform2fv(uniform("half_size"), halfSize());
    gl.uniform2f(uniform("pixels"), canvas.width, canvas.height);
    gl.uniform1f(uniform("lungs_share"), state.lungs);
    gl.uniform1f(uniform("heat_share"), state.heat);
    gl.uniform1f(uniform("step_mm"), Math.min(...data.spacing_mm) * (coarse ? 1.6 : 0.8));
    // cut from the patient's left, from the front and from above
    const low = [...start], high = start.map((mm, i) => mm + extent[i]);
    low[0] += state.cuts[0] * extent[0];
    high[1] -= state.cuts[1] * extent[1];
    high[2] -= state.cuts[2] * extent[2];
    if (place) {
      for (const axis of [0, 1, 2]) {
        low[axis] = Math.max(start[axis], place.center_mm[axis] - place.radius);
        high[axis] = Math.min(start[axis] + extent[axis], place.center_mm[axis] + place.radius);
      }
    }
    gl.uniform3fv(uniform("centre"), place ? place.center_mm : centre);
    gl.uniform3fv(uniform("low"), low);
    gl.uniform3fv(uniform("high"), high);
    const before = performance.now();
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4)); // waits for the drawing
    return performance.now() - before;
  }

  /* Draw a small picture of a place into another canvas. */
  function drawSmall(target, world_mm, radius) {
    if (!gl) return;
    const seen = { ...state };
    // the volume lies in millimetres from the scan's first voxel, along its axes
    place = { center_mm: fromWorld(world_mm), radius };
    [state.azimuth, state.elevation] = [20, 15];
    [canvas.width, canvas.height] = [target.width, target.height];
    cast(axes(), false);
    target.getContext("2d").drawImage(canvas, 0, 0);
    place = null;
    Object.assign(state, seen);
    change();
  }

  function fromWorld(point) {
    return data.from_world.map((row) => row[0] * point[0] + row[1] * point[1] + row[2] * point[2] + row[3]);
  }

  // draw letters at the ends of the patient's axes, rings around nodules and a scale bar
  function annotate({ right, up }) {
    const ratio = window.devicePixelRatio || 1;
    [print.width, print.height] = [print.clientWidth * ratio, print.clientHeight * ratio];
    const pen = print.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = "600 13px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const [x0, y0, reach] = [46, print.clientHeight - 52, 26];
    for (const [axis, [minus, plus]] of [["L", "R"], ["P", "A"], ["F", "H"]].entries()) {
      const [dx, dy] = [right[axis] * reach, -up[axis] * reach];
      pen.strokeStyle = "#566173";
      pen.beginPath();
      pen.moveTo(x0 - dx, y0 - dy);
      pen.lineTo(x0 + dx, y0 + dy);
      pen.stroke();
      pen.fillStyle = "#c3cad4";
      if (Math.hypot(dx, dy) < 9) continue; // the axis points towards the viewer
      pen.fillText(plus, x0 + dx * 1.4, y0 + dy * 1.4);
      pen.fillText(minus, x0 - dx * 1.4, y0 - dy * 1.4);
    }
    // rings around annotated nodules
    pen.strokeStyle = "#59ebff";
    pen.lineWidth = 1.5;
    for (const { center_mm, radius_mm } of data.outlines) {
      const [x, y] = project(center_mm);
      pen.beginPath();
      pen.arc(x, y, Math.max(7, radius_mm / halfSize()[0] / 2 * print.clientWidth), 0, 7);
      pen.stroke();
    }
    const mm = [200, 100, 50, 20, 10].find((length) => length / halfSize()[0] < 0.55) || 5;
    const wide = mm / halfSize()[0] / 2 * print.clientWidth;
    const [x1, y1] = [print.clientWidth - 18, print.clientHeight - 22];
    pen.strokeStyle = pen.fillStyle = "#c3cad4";
    pen.lineWidth = 2;
    pen.beginPath();
    pen.moveTo(x1 - wide, y1 - 4); pen.lineTo(x1 - wide, y1); pen.lineTo(x1, y1); pen.lineTo(x1, y1 - 4);
    pen.stroke();
    pen.font = "12px system-ui, sans-serif";
    pen.fillText(`${mm} mm`, x1 - wide / 2, y1 - 12);
  }

  // draw coarsely at once, and finely when nothing has changed for a moment
  function change() {
    if (!gl || waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw(true);
      clearTimeout(settled);
      settled = setTimeout(() => draw(false), 180);
    });
  }

  function listen() {
    let from = null;
    canvas.addEventListener("pointerdown", (event) => {
      from = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      turn((from[0] - event.clientX) * 0.45, (event.clientY - from[1]) * 0.45);
      from = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => { from = null; });
    }
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      state.zoom = Math.min(8, Math.max(0.5, state.zoom * Math.exp(-event.deltaY / 600)));
      change();
    }, { passive: false });
    const KEYS = { ArrowLeft: [10, 0], ArrowRight: [-10, 0], ArrowUp: [0, 10], ArrowDown: [0, -10] };
    canvas.addEventListener("keydown", (event) => {
      if (!KEYS[event.key]) return;
      event.preventDefault();
      event.stopPropagation();
      turn(...KEYS[event.key]);
    });
    for (const button of root.querySelectorAll("button[data-view]")) {
      button.addEventListener("click", () => {
        [state.azimuth, state.elevation] = data.views[button.dataset.view];
        state.zoom = 1;
        change();
      });
    }
    for (const slider of root.querySelectorAll("input[data-share]")) {
      slider.addEventListener("input", () => {
        const { share } = slider.dataset;
        if (share in state) state[share] = Number(slider.value);
        else state.cuts[["left", "front", "above"].indexOf(share)] = Number(slider.value);
        change();
      });
    }
    new ResizeObserver(change).observe(canvas);
  }

  function turn(azimuth, elevation) {
    state.azimuth += azimuth;
    state.elevation = Math.max(-90, Math.min(90, state.elevation + elevation));
    change();
  }

  function showMessage(text) {
    const message = root.querySelector(".no-volume");
    message.textContent = text;
    message.hidden = false;
  }

  async function begin() {
    gl = canvas.getContext("webgl2", { antialias: false, alpha: false, preserveDrawingBuffer: true });
    if (!gl) {
      showMessage("This browser has no WebGL 2, which the 3D view needs. The slices work without it.");
      return;
    }
    const voxels = new Uint8Array(await inflate(data.voxels));
    uniform = upload(gl, voxels);
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => { uniform = upload(gl, voxels); change(); });
    listen();
    change();
  }

  root.lungcam = { state, project, change };
  // the slices wait for the volume before its small pictures are drawn
  const begun = begin();
  window.lungcamVolume = (target, world_mm, radius) =>
    begun.then(() => drawSmall(target, world_mm, radius), () => undefined);
  begun.catch((error) => {
    gl = undefined;
    showMessage(`The 3D view could not be drawn: ${error.message}`);
  });
})();

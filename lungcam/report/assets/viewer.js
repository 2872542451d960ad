"use strict";

/* Slices of a page: three planes with a common crosshair. */
(() => {
  const { PLANES, Scan, colour, unpackLevels, unpackHeat } = lungcamSlices;
  const SVG = "http://www.w3.org/2000/svg";
  const AXES = ["x", "y", "z"];
  const find = (selector, within = document) => within.querySelector(selector);
  const data = JSON.parse(find("#scan-data").textContent);
  const viewer = find("#viewer");
  const settings = { level: 0, width: 1, opacity: 0, against: true };
  let scan, crosshair, pointed = null, waiting = false;

  const planes = Object.fromEntries(Object.keys(PLANES).map((name) => {
    const panel = find(`[data-plane=${name}]`);
    return [name, { panel, canvas: find("canvas", panel), slider: find("input", panel),
      over: find("svg", panel), where: find(".where", panel), stage: find(".stage", panel) }];
  }));

  const clamp = (value, axis) => Math.max(0, Math.min(data.shape[axis] - 1, Math.round(value)));
  const mm = (values) => values.map((x) => x.toFixed(1).replace("-0.0", "0.0")).join(", ");
  const signed = (x) => {
    const size = Math.abs(x);
    const text = size === 0 || size >= 0.01 ? size.toFixed(2) : size.toExponential(1);
    return (x < 0 ? "\u2212" : "+") + text.replace("-", "\u2212");
  };

  function position([x, y, z]) {
    return `RAS ${mm([x, y, z])} mm \u00b7 LPS ${mm([-x, -y, z])} mm`.replaceAll("-", "\u2212");
  }

  function values(index) {
    const hu = String(scan.hu(index)).replace("-", "\u2212");
    return `${hu} HU (\u00b1${scan.huStep(index)}) \u00b7 heat ${signed(scan.heatAt(index))} logit`;
  }

  /* Draw everything once per frame, for any number of events. */
  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      for (const name of Object.keys(planes)) drawPlane(name);
      find("#here").textContent = `${position(scan.world(crosshair))} \u00b7 ${values(crosshair)}`;
      drawBar();
      viewer.dataset.drawn = String(Number(viewer.dataset.drawn || 0) + 1);
    });
  }

  function drawPlane(name) {
    const { canvas, slider, over, where, stage } = planes[name];
    const [normal, across, up] = PLANES[name];
    // pixels are computed here, not by a graphics card
    const context = canvas.getContext("2d", { willReadFrequently: true });
    scan.paint(context, name, crosshair[normal], settings);
    slider.value = crosshair[normal];
    const along = scan.world(crosshair)[normal];
    const label = `${crosshair[normal] + 1} of ${data.shape[normal]}, ${AXES[normal]} = ` +
      `${along.toFixed(1).replace("-", "\u2212")} mm`;
    where.textContent = label;
    slider.setAttribute("aria-valuetext", `slice ${label}`);
    stage.setAttribute("aria-label", `${name} slice ${label}. ${stage.dataset.help}`);
    over.replaceChildren();
    if (find("#crosshair").checked) {
      const x = data.shape[across] - 0.5 - crosshair[across], y = data.shape[up] - 0.5 - crosshair[up];
      const [w, h] = [data.shape[across], data.shape[up]];
      // a gap keeps the point itself visible
      const [gx, gy] = [7 / data.spacing_mm[across], 7 / data.spacing_mm[up]];
      for (const [x1, y1, x2, y2] of [[0, y, x - gx, y], [x + gx, y, w, y], [x, 0, x, y - gy],
        [x, y + gy, x, h]]) {
        shape(over, "line", { x1, y1, x2, y2, class: "cross" });
      }
    }
    for (const lesion of find("#outlines")?.checked ? data.lesions : []) {
      const off = (crosshair[normal] - lesion.index[normal]) * data.spacing_mm[normal];
      const radius = Math.sqrt(lesion.radius_mm ** 2 - off ** 2);
      if (!(radius > 0)) continue;
      shape(over, "ellipse", {
        cx: data.shape[across] - 0.5 - lesion.index[across],
        cy: data.shape[up] - 0.5 - lesion.index[up],
        rx: radius / data.spacing_mm[across],
        ry: radius / data.spacing_mm[up],
        class: "lesion",
      });
    }
  }

  function shape(parent, kind, attributes) {
    const element = document.createElementNS(SVG, kind);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    parent.append(element);
  }

  /* Draw the colour bar over grey, with the opacity of the heat-map. */
  function drawBar() {
    const canvas = find("#bar"), context = canvas.getContext("2d");
    const low = data.heat.both ? -1 : 0;
    for (let x = 0; x < canvas.width; x++) {
      const share = low + (1 - low) * x / (canvas.width - 1);
      const rgba = colour(share * data.heat.sign), a = rgba[3] * settings.opacity;
      context.fillStyle = `rgb(${[0, 1, 2].map((i) => 96 + a * (rgba[i] - 96)).join(",")})`;
      context.fillRect(x, 0, 1, canvas.height);
    }
  }

  function move(index) {
    crosshair = index.map(clamp);
    draw();
  }

  function step(name, by) {
    const normal = PLANES[name][0];
    move(crosshair.map((x, axis) => (axis === normal ? x + by : x)));
  }

  /* Find the voxel under the pointer; columns and rows run against the volume's axes. */
  function under(event, name) {
    const [, across, up] = PLANES[name];
    const box = planes[name].canvas.getBoundingClientRect();
    const index = [...crosshair];
    const floor = (share, axis) => data.shape[axis] - 1 - Math.floor(share * data.shape[axis]);
    index[across] = clamp(floor((event.clientX - box.left) / box.width, across), across);
    index[up] = clamp(floor((event.clientY - box.top) / box.height, up), up);
    return index;
  }

  function listen(name) {
    const { canvas, slider, stage, panel } = planes[name];
    const [normal, across, up] = PLANES[name];
    canvas.width = data.shape[across];
    canvas.height = data.shape[up];
    const ratio = (data.shape[across] * data.spacing_mm[across]) /
      (data.shape[up] * data.spacing_mm[up]);
    // a thin crop is centred in a less flat frame
    const frame = Math.max(0.6, Math.min(1.7, ratio));
    panel.style.setProperty("--ratio", frame.toFixed(4));
    const fit = find(".fit", panel);
    fit.style.width = `${(100 * Math.min(1, ratio / frame)).toFixed(2)}%`;
    fit.style.height = `${(100 * Math.min(1, frame / ratio)).toFixed(2)}%`;
    planes[name].over.setAttribute("viewBox", `0 0 ${canvas.width} ${canvas.height}`);
    slider.max = data.shape[normal] - 1;
    slider.addEventListener("input", () => step(name, Number(slider.value) - crosshair[normal]));
    let turned = 0;
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      // a touchpad sends many small turns
      turned += event.deltaMode === 0 ? event.deltaY / 50 : event.deltaY;
      const whole = Math.trunc(turned);
      turned -= whole;
      if (whole) step(name, -Math.max(-8, Math.min(8, whole)));
    }, { passive: false });
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      move(under(event, name));
    });
    stage.addEventListener("pointermove", (event) => {
      pointed = under(event, name);
      find("#pointer").textContent = `${position(scan.world(pointed))} \u00b7 ${values(pointed)}`;
      if (event.buttons & 1 && stage.hasPointerCapture(event.pointerId)) move(pointed);
    });
    stage.addEventListener("pointerleave", () => {
      find("#pointer").textContent = "\u2013";
    });
    stage.addEventListener("keydown", (event) => {
      const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10,
        PageDown: -10, Home: -Infinity, End: Infinity }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      step(name, Number.isFinite(by) ? by : Math.sign(by) * data.shape[normal]);
    });
    find(".larger", panel).addEventListener("click", (event) => {
      const large = panel.classList.toggle("large");
      event.currentTarget.setAttribute("aria-pressed", String(large));
    });
  }

  function setWindow(level, width) {
    settings.level = level;
    settings.width = width;
    for (const [name, value] of [["level", level], ["width", width]]) {
      find(`#${name}`).value = value;
      find(`#${name}-value`).textContent = `${String(value).replace("-", "\u2212")} HU`;
    }
    for (const button of document.querySelectorAll("[data-level]")) {
      const same = Number(button.dataset.level) === level && Number(button.dataset.width) === width;
      button.setAttribute("aria-pressed", String(same));
    }
    draw();
  }

  function setOpacity(percent) {
    settings.opacity = percent / 100;
    find("#opacity").value = percent;
    find("#opacity-value").textContent = `${percent} %`;
    draw();
  }

  function control() {
    for (const name of Object.keys(planes)) listen(name);
    for (const button of document.querySelectorAll("[data-level]")) {
      button.addEventListener("click", () =>
        setWindow(Number(button.dataset.level), Number(button.dataset.width)));
    }
    for (const name of ["level", "width"]) {
      find(`#${name}`).addEventListener("input", () =>
        setWindow(Number(find("#level").value), Number(find("#width").value)));
    }
    find("#opacity").addEventListener("input", () => setOpacity(Number(find("#opacity").value)));
    find("#crosshair").addEventListener("change", draw);
    find("#outlines")?.addEventListener("change", draw);
    find("#against")?.addEventListener("change", (event) => {
      settings.against = event.currentTarget.checked;
      draw();
    });
    for (const button of document.querySelectorAll("[data-index]")) {
      button.addEventListener("click", () => move(JSON.parse(button.dataset.index)));
    }
    let hidden = 0;
    const keys = {
      l: () => find("#lung").click(),
      m: () => find("#mediastinum").click(),
      p: () => find("#peak")?.click(),
      h: () => {
        const shown = Number(find("#opacity").value);
        setOpacity(shown ? 0 : hidden || 60);
        hidden = shown;
      },
    };
    document.addEventListener("keydown", (event) => {
      const typing = event.ctrlKey || event.metaKey || event.altKey;
      if (!typing && keys[event.key]) keys[event.key]();
    });
  }

  async function open() {
    const [levels, cells] = await Promise.all([
      unpackLevels(find("#levels").textContent), unpackHeat(find("#cells").textContent)]);
    // the packed text is not needed any more
    find("#levels").remove();
    find("#cells").remove();
    scan = new Scan(data, levels, cells);
    crosshair = data.start.map(clamp);
    // values beyond the bar are drawn like its ends
    const below = data.heat.lowest < -data.heat.top * 1.001 ? "\u2264 " : "";
    find("#bar-low").textContent = data.heat.both ? below + signed(-data.heat.top) : "0";
    find("#bar-high").textContent = `${signed(data.heat.top)} logit`;
    control();
    setOpacity(60);
    find("#lung").click();
    window.lungcamScan = { scan, crosshair: () => crosshair, move };
    find("#opening").hidden = true;
  }

  open().catch((error) => {
    find("#opening").textContent =
      `The slices cannot be shown: ${error.message}. This page needs a browser of 2023 or later.`;
    throw error;
  });
})();

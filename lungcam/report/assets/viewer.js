"use strict";

/* Slices of a page: three planes with a common crosshair. */
(() => {
  const { PLANES, Scan, unpackLevels, unpackHeat } = lungcamSlices;
  const SVG = "http://www.w3.org/2000/svg";
  const AXES = ["x", "y", "z"];
  const find = (selector, within = document) => within.querySelector(selector);
  const data = JSON.parse(find("#scan-data").textContent);
  const viewer = find("#viewer");
  const settings = { level: 0, width: 1, opacity: 0, against: false, outline: false };
  // lengths of scale bars, mm
  const BARS = [100, 50, 20, 10, 5, 2, 1];
  let scan, crosshair, ruler = null, pointed = null, waiting = false;

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

  const percent = (share) => `${(100 * share).toFixed(0)} %`.replace("-0 ", "0 ").replace("-", "\u2212");

  function position([x, y, z]) {
    return `RAS ${mm([x, y, z])} mm \u00b7 LPS ${mm([-x, -y, z])} mm`.replaceAll("-", "\u2212");
  }

  function values(index) {
    const hu = String(scan.hu(index)).replace("-", "\u2212");
    const name = scan.heat === data.spread ? "disagreement" : "heat";
    const heat = scan.heatAt(index);
    return `${hu} HU (\u00b1${scan.huStep(index)}) \u00b7 ${name} ${percent(heat / scan.heat.top)} ` +
      `of the peak (${signed(heat)} ${data.heat.unit_name})`;
  }

  /* Draw everything once per frame, for any number of events. */
  function draw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      for (const name of Object.keys(planes)) drawPlane(name);
      find("#here").textContent = `${position(scan.world(crosshair))} \u00b7 ${values(crosshair)}`;
      find("#length").textContent = ruler
        ? `${distance(ruler, crosshair).toFixed(1)} mm from RAS ${mm(scan.world(ruler))} to the crosshair`
          .replaceAll("-", "\u2212") : "\u2013";
      drawBar();
      viewer.dataset.drawn = String(Number(viewer.dataset.drawn || 0) + 1);
    });
  }

  function distance(a, b) {
    return Math.hypot(...a.map((x, axis) => (x - b[axis]) * data.spacing_mm[axis]));
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
    if (ruler) {
      const x = (index) => data.shape[across] - 0.5 - index[across];
      const y = (index) => data.shape[up] - 0.5 - index[up];
      shape(over, "line", { x1: x(ruler), y1: y(ruler), x2: x(crosshair), y2: y(crosshair), class: "ruler" });
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

  const signedBar = () => scan.heat.both && settings.against;

  /* Draw the colour bar over grey, with the opacity of the heat-map. */
  function drawBar() {
    const canvas = find("#bar"), context = canvas.getContext("2d");
    const low = signedBar() ? -1 : 0;
    for (let x = 0; x < canvas.width; x++) {
      const share = low + (1 - low) * x / (canvas.width - 1);
      const rgba = scan.colour(share * scan.heat.sign), a = rgba[3] * settings.opacity;
      context.fillStyle = `rgb(${[0, 1, 2].map((i) => 96 + a * (rgba[i] - 96)).join(",")})`;
      context.fillRect(x, 0, 1, canvas.height);
    }
    const { heat } = scan, both = signedBar(), spread = heat === data.spread;
    // values beyond the bar are drawn like its ends
    const below = heat.lowest < -heat.top * 1.001 ? "\u2264 " : "";
    find("#word-low").textContent = both ? "against" : "";
    find("#word-high").textContent = spread ? "disagreement" : heat.sign < 0 ? "against" : "for";
    find("#bar-low").textContent = both ? `${below}\u2212100 %` : "0";
    find("#bar-middle").textContent = both ? "0" : "";
    find("#bar-high").textContent = `100 % = ${signed(heat.top).replace("+", "")} ${data.heat.unit_name}`;
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

  /* Return the longest bar of a third of the narrowest plane; the same in all. */
  function barLength() {
    const narrowest = Math.min(...data.shape.map((n, axis) => n * data.spacing_mm[axis]));
    return BARS.find((length) => length <= narrowest / 2.5) || BARS[BARS.length - 1];
  }

  function listen(name) {
    const { canvas, slider, stage, panel } = planes[name];
    const [normal, across, up] = PLANES[name];
    canvas.width = data.shape[across];
    canvas.height = data.shape[up];
    const ratio = (data.shape[across] * data.spacing_mm[across]) /
      (data.shape[up] * data.spacing_mm[up]);
    // widths in proportion to lengths in mm give all planes one scale
    panel.style.setProperty("--mm", data.shape[across] * data.spacing_mm[across]);
    panel.style.setProperty("--ratio", ratio.toFixed(5));
    const bar = find(".scale-bar", panel), length = barLength();
    bar.style.width = `${100 * length / (data.shape[across] * data.spacing_mm[across])}%`;
    bar.append(`${length} mm`);
    bar.hidden = false;
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
    const text = `L ${level} W ${width}`.replace("-", "\u2212");
    for (const { panel } of Object.values(planes)) find(".window-text", panel).textContent = text;
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

  /* Show the heat-map, or where the nets disagree, with its own colour bar. */
  function showMap(heat, cells) {
    scan.show(heat, cells);
    viewer.dataset.map = heat === data.spread ? "spread" : "heat";
    draw();
  }

  /* Let the style sheet give all planes one scale, with one, two or three of them in a row. */
  function setScale() {
    const [x, y] = data.shape.map((n, axis) => n * data.spacing_mm[axis]);
    const style = find(".planes").style;
    style.setProperty("--row1", Math.max(x, y));
    style.setProperty("--row2", Math.max(2 * x, y));
    style.setProperty("--row3", 2 * x + y);
  }

  function control() {
    setScale();
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
    find("#outline").addEventListener("change", (event) => {
      settings.outline = event.currentTarget.checked;
      draw();
    });
    for (const button of document.querySelectorAll("[data-index]")) {
      button.addEventListener("click", () => {
        move(JSON.parse(button.dataset.index));
        viewer.scrollIntoView({ block: "nearest" });
      });
    }
    find("#ruler").addEventListener("click", (event) => {
      ruler = ruler ? null : [...crosshair];
      event.currentTarget.setAttribute("aria-pressed", String(Boolean(ruler)));
      draw();
    });
    let hidden = 0;
    const keys = {
      l: () => find("#lung").click(),
      m: () => find("#mediastinum").click(),
      p: () => find("#peak")?.click(),
      r: () => find("#ruler").click(),
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

  /* Draw the small pictures of the places one by one, when the page has nothing else to do. */
  async function drawPlaces() {
    const small = document.createElement("canvas"), idle = () => new Promise((f) => setTimeout(f));
    const context = small.getContext("2d", { willReadFrequently: true });
    const look = { level: -600, width: 1500, opacity: 0.6, against: false, outline: false };
    const list = find(".places"), half = list ? Number(list.dataset.fieldMm) / 2 : 0;
    for (const place of document.querySelectorAll("[data-place]")) {
      const index = JSON.parse(place.dataset.place);
      for (const canvas of place.querySelectorAll("canvas")) {
        await idle();
        if (canvas.dataset.small !== "volume") drawPlace(canvas, small, context, index, half, look);
        else await window.lungcamVolume?.(canvas, scan.world(index), half);
      }
      place.dataset.drawn = "true";
    }
  }

  function drawPlace(canvas, whole, context, index, half, look) {
    const plane = canvas.dataset.small, [normal, across, up] = PLANES[plane];
    [whole.width, whole.height] = [data.shape[across], data.shape[up]];
    scan.paint(context, plane, clamp(index[normal], normal), look);
    const [w, h] = [half / data.spacing_mm[across], half / data.spacing_mm[up]];
    const x = data.shape[across] - 0.5 - index[across], y = data.shape[up] - 0.5 - index[up];
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(whole, x - w, y - h, 2 * w, 2 * h, 0, 0, canvas.width, canvas.height);
  }

  async function open() {
    const [levels, cells] = await Promise.all([
      unpackLevels(find("#levels").textContent), unpackHeat(find("#cells").textContent)]);
    const spread = data.spread ? await unpackHeat(find("#spread-cells").textContent) : null;
    // the packed text is not needed any more
    find("#levels").remove();
    find("#cells").remove();
    find("#spread-cells")?.remove();
    scan = new Scan(data, levels, cells);
    crosshair = data.start.map(clamp);
    showMap(data.heat, cells);
    find("#spread")?.addEventListener("change", (event) =>
      event.currentTarget.checked ? showMap(data.spread, spread) : showMap(data.heat, cells));
    control();
    setOpacity(60);
    find("#lung").click();
    window.lungcamScan = { scan, crosshair: () => crosshair, move };
    find("#opening").hidden = true;
    await drawPlaces();
    viewer.dataset.places = "drawn";
  }

  open().catch((error) => {
    find("#opening").textContent =
      `The slices cannot be shown: ${error.message}. This page needs a browser of 2023 or later.`;
    throw error;
  });
})();

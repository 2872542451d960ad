"""Page of a scan: its cards, its slices with the heat-map, and the controls of the slices."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from lungcam.heat_colors import HEAT_FLOOR, slice_colors
from lungcam.report.page import Html, asset, fill, framed, join, pack, script_json, tag
from lungcam.report.scan_cards import (
    ScanReport,
    answer_card,
    explanation_card,
    net_card,
    scan_card,
)
from lungcam.report.scan_places import candidates_section, hot_places_section, prior_section
from lungcam.report.scan_volume import LEVELS_HU, cells_on, to_differences
from lungcam.report.trust_card import trust_card

# title, and the letters of the sides: left, right, top, bottom
PLANES = {
    "axial": ("Axial", "R", "L", "A", "P"),
    "coronal": ("Coronal", "R", "L", "H", "F"),
    "sagittal": ("Sagittal", "A", "P", "H", "F"),
}
# A peak below this share of the largest absolute value gets no bright colour: it is negligible.
MIN_PEAK_SHARE = 0.1
# largest value of the packed heat-map, int16
MAX_PACKED = 32767
NO_VOLUME = "There is no 3D view: it needs a lung mask, which this net does not use."


def scan_page(report: ScanReport, volume: Html | None = None) -> Html:
    """Make the page of a scan, as a single file.

    Args:
        report: Contents of the page.
        volume: 3D view from `lungcam.report.volume_section`; None for a sentence instead.
    """
    prediction = report.prediction
    values, start, step = cells_on(report.heat, report.volume.grid)
    # JSON has no NaN; a map of NaN shows nothing
    values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    max_abs = float(np.abs(values).max(initial=0.0))
    unit = max_abs / MAX_PACKED if max_abs > 0 else 1.0
    main = fill(
        "scan.html",
        trust=trust_card(prediction["trust"], ranges=report.ranges),
        answer=answer_card(report),
        mark=tag('<p class="mark">$mark.</p>', mark=report.mark) if report.mark else Html(),
        bar_label=f"Colours of the heat-map in percent of its peak: {report.shows}",
        spread=_packed_spread(report),
        jumps=_jump_buttons(report),
        ticks=_checkboxes(report),
        planes=_planes(report),
        slices_note=_slices_note(report),
        places=_places(report),
        volume=tag("<p>$text</p>", text=NO_VOLUME) if volume is None else volume,
        explanation=explanation_card(report),
        scan=scan_card(report),
        net=net_card(report),
        data=script_json(_viewer_data(report, values, start=start, step=step, unit=unit)),
        levels=pack(to_differences(report.volume.levels)),
        cells=pack(np.rint(values / unit).astype(np.int16)),
        inflate_js=asset("inflate.js"),
        slices_js=asset("slices.js"),
        viewer_js=asset("viewer.js"),
    )
    return framed(prediction["scan"], main, kind="report of a scan", style="scan.css", scripts=True)


def _viewer_data(
    report: ScanReport,
    values: np.ndarray,
    *,
    start: Sequence[float],
    step: Sequence[float],
    unit: float,
) -> dict[str, object]:
    """Collect the data of the page's script.

    Args:
        report: Contents of the page.
        values: Cells of the heat-map, see `cells_on`.
        start: See `cells_on`.
        step: See `cells_on`.
        unit: Logit of one step of the packed cells.
    """
    evidence, grid = report.prediction["explanation"]["evidence"], report.volume.grid
    return {
        "shape": grid.shape,
        "spacing_mm": grid.spacing_mm,
        "affine": grid.affine[:3].tolist(),
        "levels_hu": LEVELS_HU.tolist(),
        "heat": {
            "shape": values.shape,
            "start": start,
            "step": step,
            "unit": unit,
            "unit_name": _unit_name(report),
            "top": _brightest_value(values),
            "lowest": float(values.min(initial=0.0)),
            "both": evidence == "both",
            "sign": -1 if evidence == "against" else 1,
        },
        "colours": np.round(slice_colors(report.colormap), 4).tolist(),
        "floor": HEAT_FLOOR,
        "spread": _spread_data(report),
        "lesions": [
            {"index": _to_index(report, center), "radius_mm": diameter / 2}
            for center, diameter in report.lesions
        ],
        "start": _initial_crosshair(report),
    }


def _spread_data(report: ScanReport) -> dict[str, object] | None:
    """Collect what the page's script needs to draw the spread; None of a single net."""
    if report.spread is None:
        return None
    values, start, step = cells_on(report.spread, report.volume.grid)
    top = float(values.max(initial=0.0)) or 1.0
    return {
        "shape": values.shape,
        "start": start,
        "step": step,
        "unit": top / MAX_PACKED,
        "top": top,
        "lowest": 0.0,
        "both": False,
        "sign": 1,
    }


def _packed_spread(report: ScanReport) -> Html:
    """Pack the cells of the spread into an element of their own; empty of a single net."""
    if report.spread is None:
        return Html()
    values, _, _ = cells_on(report.spread, report.volume.grid)
    unit = _spread_data(report)["unit"]
    cells = pack(np.rint(values / unit).astype(np.int16))
    return tag('<script type="text/plain" id="spread-cells">$cells</script>', cells=cells)


def _brightest_value(values: np.ndarray) -> float:
    """Return the value of the brightest colour: the peak, even if values below 0 are larger."""
    highest, max_abs = float(values.max(initial=0.0)), float(np.abs(values).max(initial=0.0))
    return (highest if highest >= MIN_PEAK_SHARE * max_abs else max_abs) or 1.0


def _initial_crosshair(report: ScanReport) -> list[float]:
    """Return the map's peak, else a lesion, else the middle."""
    peak = report.prediction["heatmap_peak_ras_mm"]
    if peak is not None:
        return _to_index(report, peak)
    if report.lesions:
        return _to_index(report, report.lesions[0][0])
    return [(n - 1) / 2 for n in report.volume.grid.shape]


def _places(report: ScanReport) -> Html:
    """Make the list of candidates of a search, else of the hottest places, and of earlier peaks."""
    prediction, to_index = report.prediction, partial(_to_index, report)
    if prediction.get("candidates") is not None:
        places = candidates_section(prediction["candidates"], to_index)
    else:
        hottest = prediction.get("hot_places", ())
        places = hot_places_section(hottest, to_index, unit=_unit_name(report))
    return join([places, prior_section(prediction.get("prior", ()), to_index)])


def _unit_name(report: ScanReport) -> str:
    return report.unit.removeprefix("the ")


def _planes(report: ScanReport) -> Html:
    marks = ". ".join(filter(None, (report.doubt, report.mark)))
    stamp = tag('<span class="stamp">$marks</span>', marks=marks) if marks else Html()
    return join(
        fill(
            "plane.html",
            plane=name,
            title=title,
            left=left,
            right=right,
            top=top,
            bottom=bottom,
            stamp=stamp,
        )
        for name, (title, left, right, top, bottom) in PLANES.items()
    )


def _slices_note(report: ScanReport) -> str:
    """Describe the orientation of the slices and their differences from the scan."""
    grid = report.volume.grid
    texts = ["Radiological convention: the patient's right is on the left."]
    if report.volume.coarser:
        spacing = " × ".join(f"{mm:.2f}" for mm in grid.spacing_mm)
        texts.append(f"The slices are coarser than the scan: {spacing} mm.")
    texts.append(
        "HU are rounded to within the ± next to each value; heat below 20 % of the peak is "
        "not drawn."
    )
    return " ".join(texts)


def _jump_buttons(report: ScanReport) -> Html:
    """Make the buttons that move the crosshair to the map's peak and to known lesions."""
    buttons = []
    peak = report.prediction["heatmap_peak_ras_mm"]
    if peak is not None:
        buttons.append(_button("Go to the heat-map's peak", report, point_mm=peak, name="peak"))
    for number, (center, _) in enumerate(report.lesions, 1):
        suffix = "" if len(report.lesions) == 1 else f" {number}"
        buttons.append(_button(f"Go to the known lesion{suffix}", report, point_mm=center))
    return join(buttons, " ")


def _checkboxes(report: ScanReport) -> Html:
    """Make the checkboxes that show and hide parts of the slices."""
    # name, label and if it is ticked at first
    boxes = [("crosshair", "Crosshair", True), ("outline", "Heat as outlines", False)]
    if report.prediction["explanation"]["evidence"] == "both":
        boxes.append(("against", "Evidence against", False))
    if report.lesions:
        boxes.append(("outlines", "Outlines of known lesions", True))
    if report.spread is not None:
        boxes.append(("spread", "Where the nets disagree", False))
    markup = '<label class="tick"><input id="$name" type="checkbox"$checked> $label</label>'
    return join(
        tag(markup, name=name, label=label, checked=Html(" checked" if ticked else ""))
        for name, label, ticked in boxes
    )


def _button(label: str, report: ScanReport, *, point_mm: Sequence[float], name: str = "") -> Html:
    """Make a button that moves the crosshair to a point in RAS mm."""
    return tag(
        '<button type="button" $name data-index="$index">$label</button>',
        name=tag('id="$name"', name=name) if name else Html(),
        index=_to_index(report, point_mm),
        label=label,
    )


def _to_index(report: ScanReport, point_mm: Sequence[float]) -> list[float]:
    """Return the fractional voxel of the shown grid at a point in RAS mm."""
    index = report.volume.grid.to_index(np.asarray(point_mm, float))
    return [round(float(x), 3) for x in index]

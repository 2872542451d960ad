"""Page of a scan: its cards, its slices with the heat-map, and the controls of the slices."""

from collections.abc import Sequence

import numpy as np

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.report.page import Html, asset, fill, join, pack, script_json, tag
from lungcam.report.scan_cards import (
    EVIDENCE,
    ScanReport,
    answer_card,
    explanation_card,
    format_point,
    net_card,
    scan_card,
)
from lungcam.report.scan_volume import LEVELS_HU, cells_on, to_differences

# title, and the letters of the sides: left, right, top, bottom
PLANES = {
    "axial": ("Axial", "R", "L", "A", "P"),
    "coronal": ("Coronal", "R", "L", "H", "F"),
    "sagittal": ("Sagittal", "A", "P", "H", "F"),
}
# labels at the low and the high end of the colour bar
BAR_LABELS = {"both": ("against", "for"), "for": ("", "for"), "against": ("", "against")}
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
    evidence = prediction["explanation"]["evidence"]
    values, start, step = cells_on(report.heat, report.volume.grid)
    # JSON has no NaN; a map of NaN shows nothing
    values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    max_abs = float(np.abs(values).max(initial=0.0))
    unit = max_abs / MAX_PACKED if max_abs > 0 else 1.0
    bar_low, bar_high = BAR_LABELS[evidence]
    return fill(
        "scan.html",
        name=prediction["scan"],
        version=__version__,
        style=join((asset("style.css"), asset("scan.css"))),
        notice=RESEARCH_USE_ONLY,
        answer=answer_card(report),
        mark=tag('<p class="mark">$mark.</p>', mark=report.mark) if report.mark else Html(),
        bar_label=f"Colours of the heat-map, in units of the logit: {EVIDENCE[evidence]}",
        bar_low=bar_low,
        bar_high=bar_high,
        bar_middle=Html("<span>0</span>") if evidence == "both" else Html(),
        jumps=_jump_buttons(report),
        ticks=_checkboxes(report),
        planes=_planes(report),
        slices_note=_slices_note(report),
        candidates=_candidates_table(report),
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
            "top": _brightest_value(values),
            "lowest": float(values.min(initial=0.0)),
            "both": evidence == "both",
            "sign": -1 if evidence == "against" else 1,
        },
        "lesions": [
            {"index": _to_index(report, center), "radius_mm": diameter / 2}
            for center, diameter in report.lesions
        ],
        "start": _initial_crosshair(report),
    }


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


def _planes(report: ScanReport) -> Html:
    stamp = tag('<span class="stamp">$mark</span>', mark=report.mark) if report.mark else Html()
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
        "HU are rounded to within the ± next to each value; the weakest heat is not drawn."
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
    boxes = [("crosshair", "Crosshair")]
    if report.prediction["explanation"]["evidence"] == "both":
        boxes.append(("against", "Evidence against"))
    if report.lesions:
        boxes.append(("outlines", "Outlines of known lesions"))
    markup = '<label class="tick"><input id="$name" type="checkbox" checked> $label</label>'
    return join(tag(markup, name=name, label=label) for name, label in boxes)


def _candidates_table(report: ScanReport) -> Html:
    """Make the table of the most suspicious places of a scan that was searched."""
    candidates = report.prediction.get("candidates")
    if candidates is None:
        return Html()
    if not candidates:
        return Html("<p>The net found no evidence for the positive class in the lungs.</p>")
    rows = join(
        tag(
            "<tr><td>$button</td><td>$probability</td><td>$height</td><td>$point</td></tr>",
            button=_button(
                f"Go to candidate {number}", report, point_mm=candidate["center_ras_mm"]
            ),
            probability=f"{candidate['probability']:.3f}",
            height=f"{candidate['map_height']:.2f}",
            point=format_point(candidate["center_ras_mm"]),
        )
        for number, candidate in enumerate(candidates, 1)
    )
    return tag(
        '<h3>Most suspicious places</h3><div class="few" tabindex="0"><table class="candidates">'
        "<caption>Peaks of the map, highest first, with the net's answer for a cube around each."
        "</caption>"
        '<thead><tr><th scope="col">Place</th><th scope="col">Probability</th><th scope="col">'
        'Peak height (logit)</th><th scope="col">RAS mm</th></tr></thead><tbody>$rows</tbody>'
        "</table></div>",
        rows=rows,
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

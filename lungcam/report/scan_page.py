"""The page of one scan: what the net answers, where it looked, and how far to trust both."""

import numpy as np

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.report.page import Html, asset, fill, join, pack, script_json, tag
from lungcam.report.scan_cards import answer_card, explanation_card, net_card, scan_card
from lungcam.report.scan_controls import candidates, jumps, ticks
from lungcam.report.scan_report import EVIDENCE, ScanReport, index_of
from lungcam.report.shown_scan import LEVELS_HU, cells_on, steps

# title, and the letters of the sides: left, right, top, bottom
PLANES = {
    "axial": ("Axial", "R", "L", "A", "P"),
    "coronal": ("Coronal", "R", "L", "H", "F"),
    "sagittal": ("Sagittal", "A", "P", "H", "F"),
}
# of what lies farthest from 0: a lower peak is of no account, and is not made to look like one
LEAST_SHARE = 0.1
NO_VOLUME = "This report has no 3D view: the slices show all that there is."


def scan_page(report: ScanReport, volume: Html | None = None) -> Html:
    """Make the page of a scan, whole in itself.

    Args:
        report: What it tells.
        volume: From `lungcam.report.volume_section`; None says that there is none.
    """
    told = report.prediction
    evidence = told["explanation"]["evidence"]
    values, start, step = cells_on(report.heat, report.shown.grid)
    # JSON knows no NaN, and such a map shows nothing
    values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    farthest = float(np.abs(values).max(initial=0.0))
    unit = farthest / 32767 if farthest > 0 else 1.0
    bar_low, bar_high = {
        "both": ("against", "for"),
        "for": ("", "for"),
        "against": ("", "against"),
    }[evidence]
    data = {
        "shape": report.shown.grid.shape,
        "spacing_mm": report.shown.grid.spacing_mm,
        "affine": report.shown.grid.affine[:3].tolist(),
        "levels_hu": LEVELS_HU.tolist(),
        "heat": {
            "shape": values.shape,
            "start": start,
            "step": step,
            "unit": unit,
            "top": _brightest(values),
            "lowest": float(values.min(initial=0.0)),
            "both": evidence == "both",
            "sign": -1 if evidence == "against" else 1,
        },
        "lesions": [
            {"index": index_of(report, center), "radius_mm": diameter / 2}
            for center, diameter in report.lesions
        ],
        "start": _start(report),
    }
    stamp = tag('<span class="stamp">$mark</span>', mark=report.mark) if report.mark else Html()
    return fill(
        "scan.html",
        name=told["scan"],
        version=__version__,
        style=join((asset("style.css"), asset("scan.css"))),
        notice=RESEARCH_USE_ONLY,
        answer=answer_card(report),
        mark=tag('<p class="mark">$mark.</p>', mark=report.mark) if report.mark else Html(),
        bar_label=f"Colours of the heat-map, in units of the logit: {EVIDENCE[evidence]}",
        bar_low=bar_low,
        bar_high=bar_high,
        bar_middle=Html("<span>0</span>") if evidence == "both" else Html(),
        jumps=jumps(report),
        ticks=ticks(report),
        planes=join(
            fill(
                "plane.html",
                plane=name,
                title=title,
                left=left,
                right=right,
                top=up,
                bottom=down,
                stamp=stamp,
            )
            for name, (title, left, right, up, down) in PLANES.items()
        ),
        pictures=_pictures(report),
        candidates=candidates(report),
        volume=tag("<p>$words</p>", words=NO_VOLUME) if volume is None else volume,
        explanation=explanation_card(report),
        scan=scan_card(report),
        net=net_card(report),
        told=script_json(data),
        levels=pack(steps(report.shown.levels)),
        cells=pack(np.rint(values / unit).astype(np.int16)),
        inflate_js=asset("inflate.js"),
        slices_js=asset("slices.js"),
        viewer_js=asset("viewer.js"),
    )


def _brightest(values: np.ndarray) -> float:
    """The value of the brightest colours: the peak's, which nothing far below 0 shall dim."""
    highest, farthest = float(values.max(initial=0.0)), float(np.abs(values).max(initial=0.0))
    return (highest if highest >= LEAST_SHARE * farthest else farthest) or 1.0


def _start(report: ScanReport) -> list[float]:
    """Where the crosshair stands first: the map's peak, else a lesion, else the middle."""
    peak = report.prediction["heatmap_peak_ras_mm"]
    if peak is not None:
        return index_of(report, peak)
    if report.lesions:
        return index_of(report, report.lesions[0][0])
    return [(n - 1) / 2 for n in report.shown.grid.shape]


def _pictures(report: ScanReport) -> str:
    """What the slices leave out of the scan."""
    grid, told = report.shown.grid, ["Radiological convention: the patient's right is on the left."]
    if report.shown.coarser:
        spacing = " × ".join(f"{x:.2f}" for x in grid.spacing_mm)
        told.append(f"The slices are coarser than the scan, {spacing} mm.")
    told.append("HU are rounded as told, the heat-map is not drawn where it is weakest.")
    return " ".join(told)

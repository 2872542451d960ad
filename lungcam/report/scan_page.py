"""The page of one scan: what the net answers, where it looked, and how far to trust both.

What a scan's page tells.

A scan's answer in plain words: no more than the figures say.

The cards of a scan's page: answer, explanation, scan and net.

What the slices of a scan's page can be told: where to go, and what to hide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import nibabel as nib
import numpy as np

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.explain import HeatMap, method_name
from lungcam.grid import Grid
from lungcam.report.page import (
    Html,
    asset,
    definitions,
    fill,
    join,
    pack,
    script_json,
    sentences,
    tag,
)
from lungcam.report.scan_volume import LEVELS_HU, ShownScan, cells_on, steps

EVIDENCE = {
    "both": "what speaks for the positive class, and what against it",
    "for": "what speaks for the positive class",
    "against": "what speaks against the positive class",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class ScanReport:
    """What a scan's page tells.

    Attributes:
        prediction: As in prediction.json.
        scan: The scan's own grid.
        shown: What the slices show.
        heat: The signed map, in units of the logit.
        net: Name of the model.
        mark: The warning on a net whose heat-maps failed their checks.
        fitted_on: As for `calibration_in_words`.
        noun: What a sample is, in the plural: scans or nodules.
        lesions: Centre (RAS mm) and diameter in mm of each known lesion.
        section: Further answers of the net, shown below the probability.
    """

    prediction: Mapping[str, object]
    scan: Grid
    shown: ShownScan
    heat: HeatMap
    net: str
    mark: str | None
    fitted_on: tuple[int, int] | None
    noun: str
    lesions: Sequence[tuple[Sequence[float], float]] = ()
    section: Html | None = None


def index_of(report: ScanReport, point_mm: Sequence[float]) -> list[float]:
    """Fractional voxel of the shown grid at RAS mm."""
    return [round(float(x), 3) for x in report.shown.grid.to_index(np.asarray(point_mm, float))]


def place_in_words(point_mm: Sequence[float]) -> str:
    """RAS mm as a page tells them."""
    return ", ".join(f"{x:.1f}" for x in point_mm).replace("-", "−")


# of validation samples; a fit to fewer is rough
MANY = 100


def probability_in_words(probability: float) -> str:
    """A share of a hundred, without a false 0 or 100."""
    share = round(100 * probability)
    if share < 1:
        return "fewer than 1"
    return "more than 99" if share > 99 else f"about {share}"


def calibration_in_words(
    probability: float, calibrated: bool, *, fitted_on: tuple[int, int] | None, noun: str
) -> str:
    """What a probability stands for.

    Args:
        probability: In [0, 1].
        calibrated: Whether the checkpoint holds a calibration.
        fitted_on: Samples of the validation split that it was fitted on, and positives among them;
            None where the checkpoint does not tell.
        noun: What a sample is, in the plural.
    """
    raw = (
        "Not calibrated: the number is the logistic function of the net's logit. It ranks "
        f"{noun}, and is no share of them."
    )
    if not calibrated:
        return raw
    if fitted_on is None:
        held, rough = f"the {noun} of the run's validation split", ""
    else:
        n, positive = fitted_on
        if positive in (0, n):
            return f"{raw} The validation split held {noun} of one label only."
        held = f"{n} {noun} of the run's validation split, {positive} of them positive"
        rough = f" {n} are few: take the share as a rough one." if n < MANY else ""
    return (
        f"Calibrated by Platt scaling on {held}. By that fit, of 100 {noun} like those to which "
        f"the net answers as it does here, {probability_in_words(probability)} would be positive."
        f"{rough} Where positives are rarer or more frequent than there, the share is another."
    )


def call_in_words(probability: float, threshold: float, *, label: int) -> str:
    """The yes or no, and why."""
    if label:
        return f"Called positive: {probability:.3f} is not below the threshold {threshold:.3f}."
    return f"Called negative: {probability:.3f} is below the threshold {threshold:.3f}."


VERDICTS = {
    "passed": "Passed: this net's heat-maps met all checks.",
    "failed": "Failed: this net's heat-maps did not meet all checks.",
    "unchecked": "Unchecked: this net's heat-maps were never judged.",
}


def quality_in_words(quality: Mapping[str, object] | None) -> str:
    """Figures of the lung mask in a sentence or two; empty where there is no mask."""
    if quality is None:
        return ""
    cut = {
        "at the sides": quality["cut_sides_cm2"],
        "at the top": quality["cut_top_cm2"],
        "below": quality["cut_bottom_cm2"],
    }
    places = [f"{place} ({area:.0f} cm²)" for place, area in cut.items() if area >= 0.5]
    ending = f"the field of view cuts them {', '.join(places)}" if places else "nowhere cut"
    flags = ", ".join(str(one).replace("_", " ") for one in quality["flags"])
    return (
        f"Lungs {quality['lungs_ml'] / 1000:.1f} L, {quality['left_share']:.0%} of it on the left; "
        f"mask {quality['mask_ml'] / 1000:.1f} L; {ending}. "
        + (f"Flagged: {flags}." if flags else "Nothing is flagged.")
    )


def answer_card(report: ScanReport) -> Html:
    """The probability, what it stands for, and the yes or no."""
    told = report.prediction
    probability, threshold = told["probability"], told["threshold"]
    words = [
        calibration_in_words(
            probability, told["calibrated"], fitted_on=report.fitted_on, noun=report.noun
        ),
        f"Label rule: {told['label_rule']}.",
    ]
    if told["seen_in_training"]:
        words.append("The net knows this scan from its training or validation set.")
    # the words below the meter must not leave it
    place = min(max(threshold, 0.12), 0.88)
    return tag(
        '<div class="answer"><div class="probability" title="probability">$probability</div><div>'
        '<div class="call">$call</div><div class="meter" role="img" aria-label="$meter">'
        '<i style="width:$share%"></i><b style="left:calc($at% - 1px)"></b>'
        '<span style="left:$place%">threshold $threshold</span></div></div></div>'
        "$section$words$warnings",
        section=report.section or Html(),
        probability=f"{probability:.3f}",
        call=call_in_words(probability, threshold, label=told["label"]),
        meter=f"Probability {probability:.3f}, threshold {threshold:.3f}",
        share=f"{100 * probability:.1f}",
        at=f"{100 * threshold:.1f}",
        place=f"{100 * place:.1f}",
        threshold=f"{threshold:.3f}",
        words=join(tag("<p>$one</p>", one=one) for one in words),
        warnings=sentences(told["warnings"], "warnings"),
    )


def explanation_card(report: ScanReport) -> Html:
    """The verdict on the heat-maps, and what this one shows."""
    told = report.prediction["explanation"]
    peak = report.prediction["heatmap_peak_ras_mm"]
    facts = [
        ("Method", f"{method_name(told['method'], told['evidence'])}, layer {told['layer']}"),
        ("Shows", EVIDENCE[told["evidence"]]),
        ("Highest peak", "none" if peak is None else f"RAS {place_in_words(peak)} mm"),
    ]
    return tag(
        '<p class="verdict $verdict">$words</p>$reasons$facts'
        '<p class="soft">The heat-map says what the net\'s answer rests on, in units of its logit. '
        "It is no outline of a lesion, and where it is clear the net may have seen nothing or "
        "never learnt to look.</p>",
        verdict=told["verdict"],
        words=VERDICTS[told["verdict"]],
        # that it is unchecked says all
        reasons=sentences(told["reasons"] if told["verdict"] != "unchecked" else ()),
        facts=definitions(facts),
    )


def scan_card(report: ScanReport) -> Html:
    """What is known of the series."""
    told, grid = report.prediction, report.scan
    spacing = " × ".join(f"{x:.3g}" for x in grid.spacing_mm)
    extent = " × ".join(f"{n * x:.0f}" for n, x in zip(grid.shape, grid.spacing_mm, strict=True))
    canonical = grid.canonical
    axes = canonical.affine[:3, :3] / canonical.spacing_mm
    turned = np.degrees(np.arccos(np.clip(np.diag(axes).min(), -1, 1)))
    towards = "".join(nib.aff2axcodes(grid.affine))
    oblique = f", turned by {turned:.1f}° from the patient's axes" if turned > 0.5 else ""
    facts = [
        (
            "Series UID",
            tag("<code>$uid</code>", uid=told["series_uid"]) if told["series_uid"] else "",
        ),
        ("Voxels", " × ".join(map(str, grid.shape))),
        ("Slices", f"{canonical.shape[2]}, {canonical.spacing_mm[2]:.3g} mm apart"),
        ("Spacing", f"{spacing} mm"),
        ("Extent", f"{extent} mm"),
        ("Axes run to", f"{towards}{oblique}"),
        ("Lung mask", quality_in_words(told["mask_quality"]) or "none: the net looks at nodules"),
        ("Known lesions", _lesions(report)),
    ]
    return definitions(facts)


def _lesions(report: ScanReport) -> str:
    return "; ".join(
        f"{diameter:.1f} mm at RAS {place_in_words(center)} mm"
        for center, diameter in report.lesions
    )


def net_card(report: ScanReport) -> Html:
    """Which net it was."""
    told = report.prediction
    facts = [
        ("Model", report.net),
        ("Logit", f"{told['logit']:.3f}".replace("-", "−")),
        ("Threshold", f"{told['threshold']:.3f}"),
        ("Label rule", told["label_rule"]),
        ("Checkpoint", tag("sha256 <code>$sha</code>", sha=told["checkpoint_sha256"])),
        ("lungcam", told["lungcam"]),
    ]
    return definitions(facts)


def jumps(report: ScanReport) -> Html:
    """Buttons that move the crosshair to what matters."""
    peak = report.prediction["heatmap_peak_ras_mm"]
    buttons = (
        [_jump("To the heat-map's peak", report, point_mm=peak, name="peak")]
        if peak is not None
        else []
    )
    for number, (center, _) in enumerate(report.lesions, 1):
        which = "" if len(report.lesions) == 1 else f" {number}"
        buttons.append(_jump(f"To the known lesion{which}", report, point_mm=center))
    return join(buttons, " ")


def ticks(report: ScanReport) -> Html:
    """What can be hidden."""
    shown = [("crosshair", "Crosshair")]
    if report.prediction["explanation"]["evidence"] == "both":
        shown.append(("against", "What speaks against"))
    if report.lesions:
        shown.append(("outlines", "Outline of the known lesion"))
    markup = '<label class="tick"><input id="$name" type="checkbox" checked> $words</label>'
    return join(tag(markup, name=name, words=words) for name, words in shown)


def candidates(report: ScanReport) -> Html:
    """A table of the most suspicious places of a scan that was searched."""
    found = report.prediction.get("candidates")
    if found is None:
        return Html()
    if not found:
        return Html("<p>Nothing in the lungs speaks for the positive class.</p>")
    rows = join(
        tag(
            "<tr><td>$jump</td><td>$probability</td><td>$height</td><td>$place</td></tr>",
            jump=_jump(f"To candidate {number}", report, point_mm=one["center_ras_mm"]),
            probability=f"{one['probability']:.3f}",
            height=f"{one['map_height']:.2f}",
            place=place_in_words(one["center_ras_mm"]),
        )
        for number, one in enumerate(found, 1)
    )
    return tag(
        '<h3>Most suspicious places</h3><div class="few" tabindex="0"><table class="candidates">'
        "<caption>The map's peaks, the highest first, and the net's answer to a cube around each."
        "</caption>"
        '<thead><tr><th scope="col">Place</th><th scope="col">Probability</th><th scope="col">'
        'Map\'s height (logit)</th><th scope="col">RAS mm</th></tr></thead><tbody>$rows</tbody>'
        "</table></div>",
        rows=rows,
    )


def _jump(words: str, report: ScanReport, *, point_mm: Sequence[float], name: str = "") -> Html:
    return tag(
        '<button type="button" $name data-index="$index">$words</button>',
        name=tag('id="$name"', name=name) if name else Html(),
        index=index_of(report, point_mm),
        words=words,
    )


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

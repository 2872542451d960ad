"""Cards of a scan's page: the answer, the explanation, the scan and the net, in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import nibabel as nib
import numpy as np

from lungcam.explain import HeatMap, method_name
from lungcam.grid import Grid
from lungcam.report.page import Html, definitions, join, sentences, tag
from lungcam.report.scan_volume import ReducedScan

EVIDENCE = {
    "both": "evidence for and against the positive class",
    "for": "evidence for the positive class",
    "against": "evidence against the positive class",
}
VERDICTS = {
    "passed": "Passed: this net's heat-maps met all checks.",
    "failed": "Failed: this net's heat-maps did not meet all checks.",
    "unchecked": "Unchecked: this net's heat-maps were not checked.",
}
# validation samples below which a calibration is a rough estimate
FEW_SAMPLES = 100


@dataclass(frozen=True, eq=False, kw_only=True)
class ScanReport:
    """Contents of a scan's page.

    Attributes:
        prediction: As in prediction.json.
        scan: Grid of the scan.
        volume: Scan as the slices show it.
        heat: Signed heat-map, in units of the logit.
        net: Name of the model.
        mark: Warning of a net with heat-maps that failed their checks, or None.
        fitted_on: Samples of the calibration, see `calibration_text`.
        noun: Name of the samples in the plural: scans or nodules.
        lesions: Centre (RAS mm) and diameter in mm of each known lesion.
        section: Further answers of the net below the probability, or None.
    """

    prediction: Mapping[str, object]
    scan: Grid
    volume: ReducedScan
    heat: HeatMap
    net: str
    mark: str | None
    fitted_on: tuple[int, int] | None
    noun: str
    lesions: Sequence[tuple[Sequence[float], float]] = ()
    section: Html | None = None


def answer_card(report: ScanReport) -> Html:
    """Make the card of the probability, its calibration and the decision."""
    prediction = report.prediction
    probability, threshold = prediction["probability"], prediction["threshold"]
    texts = [
        calibration_text(
            probability, prediction["calibrated"], fitted_on=report.fitted_on, noun=report.noun
        ),
        f"Label rule: {prediction['label_rule']}.",
    ]
    if prediction["seen_in_training"]:
        texts.append("This scan was in the net's training or validation set.")
    # keep the text below the meter inside it
    label_position = min(max(threshold, 0.12), 0.88)
    return tag(
        '<div class="answer"><div class="probability" title="probability">$probability</div><div>'
        '<div class="call">$call</div><div class="meter" role="img" aria-label="$meter">'
        '<i style="width:$width%"></i><b style="left:calc($tick% - 1px)"></b>'
        '<span style="left:$label%">threshold $threshold</span></div></div></div>'
        "$section$texts$warnings",
        section=report.section or Html(),
        probability=f"{probability:.3f}",
        call=call_text(probability, threshold, label=prediction["label"]),
        meter=f"Probability {probability:.3f}, threshold {threshold:.3f}",
        width=f"{100 * probability:.1f}",
        tick=f"{100 * threshold:.1f}",
        label=f"{100 * label_position:.1f}",
        threshold=f"{threshold:.3f}",
        texts=join(tag("<p>$text</p>", text=text) for text in texts),
        warnings=sentences(prediction["warnings"], "warnings"),
    )


def explanation_card(report: ScanReport) -> Html:
    """Make the card of the verdict on the net's heat-maps, and of this map."""
    explanation = report.prediction["explanation"]
    method, evidence = explanation["method"], explanation["evidence"]
    peak = report.prediction["heatmap_peak_ras_mm"]
    facts = [
        ("Method", f"{method_name(method, evidence)}, layer {explanation['layer']}"),
        ("Shows", EVIDENCE[evidence]),
        ("Highest peak", "none" if peak is None else f"RAS {format_point(peak)} mm"),
    ]
    verdict = explanation["verdict"]
    return tag(
        '<p class="verdict $verdict">$text</p>$reasons$facts'
        '<p class="soft">The heat-map shows what the net\'s answer is based on, in units of its '
        "logit. It does not outline a lesion. Where it is transparent, the net may have found "
        "nothing, or may not have learnt to look there.</p>",
        verdict=verdict,
        text=VERDICTS[verdict],
        # the verdict 'unchecked' needs no reasons
        reasons=sentences(explanation["reasons"] if verdict != "unchecked" else ()),
        facts=definitions(facts),
    )


def scan_card(report: ScanReport) -> Html:
    """Make the card of the series: its UID, geometry, lung mask and known lesions."""
    prediction, grid = report.prediction, report.scan
    uid = prediction["series_uid"]
    spacing = " × ".join(f"{mm:.3g}" for mm in grid.spacing_mm)
    extent = " × ".join(f"{n * mm:.0f}" for n, mm in zip(grid.shape, grid.spacing_mm, strict=True))
    canonical = grid.canonical
    axes = canonical.affine[:3, :3] / canonical.spacing_mm
    angle = np.degrees(np.arccos(np.clip(np.diag(axes).min(), -1, 1)))
    directions = "".join(nib.aff2axcodes(grid.affine))
    oblique = f", rotated by {angle:.1f}° from the patient's axes" if angle > 0.5 else ""
    lesions = "; ".join(
        f"{diameter:.1f} mm at RAS {format_point(center)} mm" for center, diameter in report.lesions
    )
    no_mask = "none: the net's input is a crop around a nodule"
    facts = [
        ("Series UID", tag("<code>$uid</code>", uid=uid) if uid else ""),
        ("Voxels", " × ".join(map(str, grid.shape))),
        ("Slices", f"{canonical.shape[2]}, {canonical.spacing_mm[2]:.3g} mm apart"),
        ("Spacing", f"{spacing} mm"),
        ("Extent", f"{extent} mm"),
        ("Axes point to", f"{directions}{oblique}"),
        ("Lung mask", mask_text(prediction["mask_quality"]) or no_mask),
        ("Known lesions", lesions),
    ]
    return definitions(facts)


def net_card(report: ScanReport) -> Html:
    """Make the card of the net and its checkpoint."""
    prediction = report.prediction
    facts = [
        ("Model", report.net),
        ("Logit", f"{prediction['logit']:.3f}".replace("-", "−")),
        ("Threshold", f"{prediction['threshold']:.3f}"),
        ("Label rule", prediction["label_rule"]),
        ("Checkpoint", tag("sha256 <code>$sha</code>", sha=prediction["checkpoint_sha256"])),
        ("lungcam", prediction["lungcam"]),
    ]
    return definitions(facts)


def calibration_text(
    probability: float, calibrated: bool, *, fitted_on: tuple[int, int] | None, noun: str
) -> str:
    """Explain the meaning of a probability.

    Args:
        probability: In [0, 1].
        calibrated: True if the checkpoint holds a calibration.
        fitted_on: Number of validation samples that the calibration was fitted on, and of positives
            among them; None if the checkpoint does not hold them.
        noun: Name of the samples, in the plural.
    """
    raw = (
        "Not calibrated: the number is the logistic function of the net's logit. It ranks "
        f"{noun}, and is not a share of them."
    )
    if not calibrated:
        return raw
    if fitted_on is None:
        samples, rough = f"the {noun} of the run's validation split", ""
    else:
        n, positive = fitted_on
        if positive in (0, n):
            return f"{raw} All {noun} of the validation split have the same label."
        samples = f"{n} {noun} of the run's validation split, {positive} of them positive"
        rough = f" {n} are few, so the share is a rough estimate." if n < FEW_SAMPLES else ""
    return (
        f"Calibrated by Platt scaling on {samples}. By this fit, of 100 {noun} with the same "
        f"answer, {share_text(probability)} would be positive.{rough} The share differs where "
        "positives are rarer or more frequent."
    )


def share_text(probability: float) -> str:
    """Return a share of a hundred in words, without a false 0 or 100."""
    share = round(100 * probability)
    if share < 1:
        return "fewer than 1"
    return "more than 99" if share > 99 else f"about {share}"


def call_text(probability: float, threshold: float, *, label: int) -> str:
    """Return the decision and its reason."""
    if label:
        return f"Called positive: {probability:.3f} is not below the threshold {threshold:.3f}."
    return f"Called negative: {probability:.3f} is below the threshold {threshold:.3f}."


def mask_text(quality: Mapping[str, object] | None) -> str:
    """Return the figures of the lung mask in a sentence or two; empty without a mask."""
    if quality is None:
        return ""
    cut_cm2 = {
        "at the sides": quality["cut_sides_cm2"],
        "at the top": quality["cut_top_cm2"],
        "at the bottom": quality["cut_bottom_cm2"],
    }
    cuts = [f"{side} ({area:.0f} cm²)" for side, area in cut_cm2.items() if area >= 0.5]
    field_of_view = (
        f"cut by the field of view {', '.join(cuts)}" if cuts else "not cut by the field of view"
    )
    flags = ", ".join(str(flag).replace("_", " ") for flag in quality["flags"])
    return (
        f"Lungs {quality['lungs_ml'] / 1000:.1f} L ({quality['left_share']:.0%} on the left), mask "
        f"{quality['mask_ml'] / 1000:.1f} L; {field_of_view}. "
        + (f"Flagged: {flags}." if flags else "No flags.")
    )


def format_point(point_mm: Sequence[float]) -> str:
    """Format the coordinates of a point in mm."""
    return ", ".join(f"{mm:.1f}" for mm in point_mm).replace("-", "−")

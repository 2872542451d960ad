"""Cards of a scan's page: the answer, the explanation, the scan and the net, in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import nibabel as nib
import numpy as np

from lungcam.explain import HeatMap, method_name
from lungcam.grid import Grid
from lungcam.heat_colors import FIRE
from lungcam.report.page import Html, definitions, join, sentences, tag
from lungcam.report.scan_places import format_point
from lungcam.report.scan_volume import ReducedScan

EVIDENCE = {
    "both": "evidence for and against",
    "for": "evidence for",
    "against": "evidence against",
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
        heat: Signed heat-map, in `unit`.
        net: Name of the model.
        mark: Warning of a net with heat-maps that failed their checks, or None.
        doubt: Warning that the answer means nothing for a person, or None.
        ranges: Name, and the range over the training scans, of each trait of a scan.
        fitted_on: Samples of each net's calibration, see `calibration_text`.
        noun: Name of the samples in the plural: scans or nodules.
        lesions: Centre (RAS mm) and diameter in mm of each known lesion.
        section: Further answers of the net below the probability of label 1, or all of them if it
            gives none.
        evidence: What the heat-map shows evidence for.
        unit: Unit of the heat-map's values.
        colormap: Name of the heat-map's colours, see `lungcam.heat_colors`.
        spread: Standard deviation over the nets of their heat-maps, on the cells of `heat`; None of
            a single net.
    """

    prediction: Mapping[str, object]
    scan: Grid
    volume: ReducedScan
    heat: HeatMap
    net: str
    mark: str | None
    doubt: str | None = None
    ranges: Sequence[tuple[str, str]] = ()
    fitted_on: Sequence[tuple[int, int] | None]
    noun: str
    lesions: Sequence[tuple[Sequence[float], float]] = ()
    section: Html | None = None
    evidence: str = "the positive class"
    unit: str = "the logit"
    colormap: str = FIRE
    spread: HeatMap | None = None

    @property
    def shows(self) -> str:
        """Sides of the evidence that the heat-map shows, and what for."""
        return f"{EVIDENCE[self.prediction['explanation']['evidence']]} {self.evidence}"


def answer_card(report: ScanReport) -> Html:
    """Make the card of the answer, of its calibration and of the scan's warnings."""
    prediction = report.prediction
    texts = [f"Label rule: {prediction['label_rule']}."]
    meter = Html()
    if "probability" in prediction:
        meter = _meter(prediction)
        texts.insert(0, _probability_text(report))
    if "tta" in prediction:
        texts.append("Each net's answer and heat-map is the mean over mirror images of its input.")
    if prediction["seen_in_training"]:
        nets = "a net's" if "nets" in prediction else "the net's"
        texts.append(f"This scan was in {nets} training or validation set.")
    return tag(
        "$meter$section$texts$warnings",
        meter=meter,
        section=join([report.section or Html(), nets_table(prediction)]),
        texts=join(tag("<p>$text</p>", text=text) for text in texts),
        warnings=sentences(prediction["warnings"], "warnings"),
    )


def _meter(prediction: Mapping[str, object]) -> Html:
    """Make the probability of label 1, the decision and the threshold."""
    probability, threshold = prediction["probability"], prediction["threshold"]
    # keep the text below the meter inside it
    label_position = min(max(threshold, 0.12), 0.88)
    return tag(
        '<div class="answer"><div class="probability" title="probability">$probability</div><div>'
        '<div class="call">$call</div><div class="meter" role="img" aria-label="$meter">'
        '<i style="width:$width%"></i><b style="left:calc($tick% - 1px)"></b>'
        '<span style="left:$label%">threshold $threshold</span></div></div></div>',
        probability=f"{probability:.3f}",
        call=call_text(probability, threshold, label=prediction["label"]),
        meter=f"Probability {probability:.3f}, threshold {threshold:.3f}",
        width=f"{100 * probability:.1f}",
        tick=f"{100 * threshold:.1f}",
        label=f"{100 * label_position:.1f}",
        threshold=f"{threshold:.3f}",
    )


def nets_table(prediction: Mapping[str, object]) -> Html:
    """Make the table of each net's answer; empty markup for a single net."""
    if "nets" not in prediction:
        return Html()
    rows = join(
        tag(
            '<tr><th scope="row">$name</th><td>$probability</td><td>$logit</td><td>$threshold</td>'
            "<td>$verdict</td><td>$seen</td></tr>",
            name=net["name"],
            probability=f"{net['probability']:.3f}",
            logit=f"{net['logit']:.3f}".replace("-", "−"),
            threshold=f"{net['threshold']:.3f}",
            verdict=net["verdict"],
            seen="yes" if net["seen_in_training"] else "no",
        )
        for net in prediction["nets"]
    )
    return tag(
        '<div class="few" tabindex="0"><table class="nets"><caption>Answers of the $count nets: '
        "probabilities from $low to $high, standard deviation $sd</caption>"
        '<thead><tr><th scope="col">Net</th><th scope="col">Probability</th><th scope="col">Logit'
        '</th><th scope="col">Threshold</th><th scope="col">Heat-maps</th><th scope="col">Knows '
        "the scan</th></tr></thead><tbody>$rows</tbody></table></div>",
        count=len(prediction["nets"]),
        low=f"{min(net['probability'] for net in prediction['nets']):.3f}",
        high=f"{max(net['probability'] for net in prediction['nets']):.3f}",
        sd=f"{prediction['probability_sd']:.3f}",
        rows=rows,
    )


def explanation_card(report: ScanReport) -> Html:
    """Make the card of the verdict on the net's heat-maps, and of this map."""
    explanation = report.prediction["explanation"]
    method, evidence = explanation["method"], explanation["evidence"]
    peak = report.prediction["heatmap_peak_ras_mm"]
    facts = [
        ("Method", f"{method_name(method, evidence)}, layer {explanation['layer']}"),
        ("Shows", report.shows),
        ("Highest peak", "none" if peak is None else f"RAS {format_point(peak)} mm"),
    ]
    verdict = explanation["verdict"]
    if "nets" in report.prediction:
        facts.append(("Nets", "mean of all maps; the verdict is that of the weakest net"))
    return tag(
        '<p class="verdict $verdict">$text</p>$reasons$facts'
        '<p class="soft">The heat-map shows what the net\'s answer is based on, in units of $unit. '
        "It does not outline a lesion. Where it is transparent, the net may have found "
        "nothing, or may not have learnt to look there.</p>",
        verdict=verdict,
        text=VERDICTS[verdict],
        # the verdict 'unchecked' needs no reasons
        reasons=sentences(explanation["reasons"] if verdict != "unchecked" else ()),
        facts=definitions(facts),
        unit=report.unit.replace("the logit", "its logit"),
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
        *_binary_facts(prediction),
        ("Label rule", prediction["label_rule"]),
        *(
            [("Model card", f"{prediction['model_card']} of lungcam")]
            if "model_card" in prediction
            else []
        ),
        (
            "Checkpoints" if "nets" in prediction else "Checkpoint",
            tag("sha256 <code>$sha</code>", sha=prediction["checkpoint_sha256"]),
        ),
        ("lungcam", prediction["lungcam"]),
    ]
    return definitions(facts)


def _binary_facts(prediction: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return logit and threshold of label 1; nothing for a net that gives no such label."""
    if "logit" not in prediction:
        return []
    return [
        ("Logit", f"{prediction['logit']:.3f}".replace("-", "−")),
        ("Threshold", f"{prediction['threshold']:.3f}"),
    ]


def _probability_text(report: ScanReport) -> str:
    """Explain the meaning of the probability."""
    prediction = report.prediction
    if "search" in prediction:
        return (
            "The suspicion of the most suspicious place: the probability that it is a nodule, "
            "times that of label 1 if it is one. It is not calibrated for whole scans: it ranks "
            "them, and is not a share of them."
        )
    probability, calibrated = prediction["probability"], prediction["calibrated"]
    if len(report.fitted_on) == 1:
        return calibration_text(
            probability, calibrated, fitted_on=report.fitted_on[0], noun=report.noun
        )
    nets = len(report.fitted_on)
    if not calibrated:
        return (
            f"Mean of {nets} nets' logits, not all of them calibrated: it ranks {report.noun}, and "
            "is not a share of them."
        )
    sizes = [n for n, _ in filter(None, report.fitted_on)]
    samples = f", on {min(sizes)} to {max(sizes)} {report.noun}" if sizes else ""
    return (
        f"Mean of {nets} nets, each calibrated by Platt scaling on its own validation split"
        f"{samples}; their calibrated logits are averaged. By these fits, of 100 {report.noun} "
        f"with the same answer, {share_text(probability)} would be positive. Each fit is rough, "
        "and the share differs where positives are rarer or more frequent."
    )


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

"""The cards of a scan's page: answer, explanation, scan and net."""

import nibabel as nib
import numpy as np

from lungcam.explain import method_name
from lungcam.report.page import Html, definitions, join, sentences, tag
from lungcam.report.scan_report import EVIDENCE, ScanReport, place_in_words
from lungcam.report.sentences import (
    VERDICTS,
    calibration_in_words,
    call_in_words,
    quality_in_words,
)


def answer_card(report: ScanReport) -> Html:
    """The probability, what it stands for, and the yes or no."""
    told = report.prediction
    probability, threshold = told["probability"], told["threshold"]
    words = [
        calibration_in_words(probability, told["calibrated"], report.fitted_on, report.noun),
        f"Label rule: {told['label_rule']}.",
    ]
    if told["seen_in_training"]:
        words.append("The net knows this scan from its training or validation set.")
    risk = Html()
    if "risk" in told:
        years = [tag("<th>within $k y</th>", k=k) for k in told["risk"]]
        values = [tag("<td>$one</td>", one=f"{one:.3f}") for one in told["risk"].values()]
        risk = tag(
            '<div class="scroll"><table><caption>Risk within each year</caption>'
            "<thead><tr>$years</tr></thead><tbody><tr>$values</tr></tbody></table></div>",
            years=join(years),
            values=join(values),
        )
    # the words below the meter must not leave it
    place = min(max(threshold, 0.12), 0.88)
    return tag(
        '<div class="answer"><div class="probability" title="probability">$probability</div><div>'
        '<div class="call">$call</div><div class="meter" role="img" aria-label="$meter">'
        '<i style="width:$share%"></i><b style="left:calc($at% - 1px)"></b>'
        '<span style="left:$place%">threshold $threshold</span></div></div></div>'
        "$risk$words$warnings",
        risk=risk,
        probability=f"{probability:.3f}",
        call=call_in_words(probability, threshold, told["label"]),
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

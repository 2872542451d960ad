"""What a training run prints when it ends."""

from collections.abc import Sequence
from pathlib import Path

from lungcam import RESEARCH_USE_ONLY
from lungcam.callbacks import HeatmapExport
from lungcam.metrics.summary import p_value, with_interval


def run_summary(
    metrics: dict, folder: Path, *, exports: Sequence[HeatmapExport], located: Sequence[str] = ()
) -> str:
    """Put a run's figures and files into a few lines.

    Args:
        metrics: As written to metrics.json.
        folder: The run folder.
        exports: Callbacks that wrote heat-maps.
        located: Lines on where the maps point.
    """
    test = metrics["test"]
    lines = [
        "",
        f"test AUC {with_interval(test['auc'], test['auc_ci95'])}; "
        f"{test['n']} scans, {test['n_positive']} positive",
        f"  label rule: {metrics['label_rule']}",
    ]
    lines += [f"  {one}" for one in against_baselines(test["against_baselines"])]
    lines.append(f"  calibration: {calibration(test)}")
    if "risk" in test:
        lines += risk_lines(test["risk"])
    if "peak_share" in test:
        lines.append(
            f"Peak of the map within the nodule's radius + 5 mm: {test['peak_share']:.1%} of "
            f"{test['peak_n']} positive test scans (random point in the lungs: "
            f"{test['peak_share_random']:.1%}); within the radius: {test['peak_share_strict']:.1%} "
            f"({test['peak_share_strict_random']:.1%})"
        )
    if "explanation" in metrics:
        judged = metrics["explanation"]
        # of what passed the figures stand in explanation.json
        told = judged["reasons"] if judged["verdict"] == "failed" else []
        lines += [f"heat-maps: {judged['verdict']}", *(f"  {reason}" for reason in told)]
    lines += located
    for export in exports:
        lines += [f"note: {warning}" for warning in sorted(set(export.warnings))]
        for written in export.written[:1]:
            lines.append(f"heat-map: {written / 'heatmap.nii.gz'}")
            if (written / "render.png").exists():
                lines.append(f"picture: {written / 'render.png'}")
    lines += [f"figures: {folder / 'figures'}", f"run folder: {folder}", RESEARCH_USE_ONLY]
    return "\n".join(lines)


def risk_lines(risk: dict) -> list[str]:
    """A split's figures of risk: AUC by year, concordance, and what nodules erased leave."""
    lines = [
        f"risk of {risk['n']} scans of {risk['n_patients']} people, {risk['n_events']} events:"
    ]
    erased = risk.get("nodules_erased")
    for year, one in risk["auc"].items():
        if one["value"] is None:
            continue
        told = f"  within {year} y: AUC {with_interval(one['value'], one['ci95'])}"
        told += f", {one['n_positive']} of {one['n']}"
        ratio = risk["calibration"][year]["ratio"]
        if ratio is not None:
            told += f"; expected over observed {ratio:.2f}"
        if erased and erased["auc_erased"][year]["value"] is not None:
            gone = erased["auc_erased"][year]
            told += f"; nodules erased: AUC {with_interval(gone['value'], gone['ci95'])}"
        lines.append(told)
    if risk["c_index"] is not None:
        told = with_interval(risk["c_index"], risk["c_index_ci95"])
        lines.append(f"  concordance (Uno's C): {told}")
    return lines


def against_baselines(compared: dict[str, dict]) -> list[str]:
    """A line for each baseline: its AUC alone, and by how much the net's differs from it."""
    lines = []
    for name, one in compared.items():
        if one["difference"] is None:
            continue
        difference = with_interval(one["difference"], one["difference_ci95"], sign="+")
        lines.append(
            f"baseline: {name} alone has AUC {one['baseline_auc']:.3f}; net less baseline "
            f"{difference}, {p_value(one['p'])}, n = {one['n']}"
        )
    return lines


def calibration(figures: dict) -> str:
    """What calibration did to probabilities, in words."""
    before, after = figures["ece_uncalibrated"], figures["ece"]
    told = f"probabilities are off by {after:.3f} on average (ECE), {before:.3f} before"
    return f"{told}; Brier score {figures['brier']:.3f}, {figures['brier_uncalibrated']:.3f} before"

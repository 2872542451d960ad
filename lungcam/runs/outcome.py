"""What a training run prints when it ends."""

from collections.abc import Sequence
from pathlib import Path

from lungcam import RESEARCH_USE_ONLY
from lungcam.callbacks import HeatmapExport


def describe(metrics: dict, folder: Path, exports: Sequence[HeatmapExport]) -> str:
    """Put a run's figures and files into a few lines.

    Args:
        metrics: As written to metrics.json.
        folder: The run folder.
        exports: Callbacks that wrote heat-maps.
    """
    test = metrics["test"]
    low, high = test["auc_ci95"]
    lines = [
        "",
        f"test AUC {test['auc']:.3f} (95 % interval {low:.3f} to {high:.3f}; "
        f"{test['n']} scans, {test['n_positive']} positive)",
        f"  label rule: {metrics['label_rule']}",
    ]
    lines += [
        f"  baseline: {name.removeprefix('auc_')} alone has AUC {value:.3f}"
        for name, value in test["baselines"].items()
        if value is not None
    ]
    if "peak_share" in test:
        lines.append(
            f"Grad-CAM peak within the nodule's radius + 5 mm: {test['peak_share']:.1%} of "
            f"{test['peak_n']} positive test scans (random point in the lungs: "
            f"{test['peak_share_random']:.1%})"
        )
    for export in exports:
        lines += [f"note: {warning}" for warning in sorted(set(export.warnings))]
        for written in export.written[:1]:
            lines.append(f"heat-map: {written / 'heatmap.nii.gz'}")
            if (written / "render.png").exists():
                lines.append(f"picture: {written / 'render.png'}")
    lines += [f"run folder: {folder}", RESEARCH_USE_ONLY]
    return "\n".join(lines)

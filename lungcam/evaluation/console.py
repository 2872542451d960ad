"""Summary of a training run for the console."""

from collections.abc import Mapping, Sequence
from typing import Any

from lungcam import RESEARCH_USE_ONLY
from lungcam.evaluation.own_metrics import own_lines
from lungcam.evaluation.trained_run import TrainedRun


def run_summary(
    run: TrainedRun, metrics: Mapping[str, Any], *, localisation: Sequence[str] = ()
) -> str:
    """Put a run's figures and files into a few lines.

    Args:
        run: The run.
        metrics: Content of metrics.json.
        localisation: Lines on where the maps point.
    """
    lines = [
        "",
        *run.task.summary(metrics),
        *own_lines(metrics["test"].get("metrics", {})),
        *_peak_lines(metrics["test"]),
        *_explanation_lines(metrics),
        *localisation,
    ]
    for export in run.exports:
        lines += [f"note: {warning}" for warning in sorted(set(export.warnings))]
        for folder in export.written[:1]:
            lines.append(f"heat-map: {folder / 'heatmap.nii.gz'}")
            if (folder / "render.png").exists():
                lines.append(f"picture: {folder / 'render.png'}")
    lines += [f"figures: {run.folder / 'figures'}", f"run folder: {run.folder}", RESEARCH_USE_ONLY]
    return "\n".join(lines)


def _peak_lines(test: Mapping[str, Any]) -> list[str]:
    if "peak_share" not in test:
        return []
    return [
        f"Peak of the map within the nodule's radius + 5 mm: {test['peak_share']:.1%} of "
        f"{test['peak_n']} positive test scans (random point in the lungs: "
        f"{test['peak_share_random']:.1%}); within the radius: {test['peak_share_strict']:.1%} "
        f"({test['peak_share_strict_random']:.1%})"
    ]


def _explanation_lines(metrics: Mapping[str, Any]) -> list[str]:
    if "explanation" not in metrics:
        return []
    verdict = metrics["explanation"]
    # the figures behind a pass are in explanation.json
    reasons = verdict["reasons"] if verdict["verdict"] == "failed" else []
    return [f"heat-maps: {verdict['verdict']}", *(f"  {reason}" for reason in reasons)]

"""The report of a training run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from lungcam.evaluation.figures import HEATMAPS, HEATMAPS_TITLE
from lungcam.evaluation.trained_run import TrainedRun
from lungcam.report.page import write_page
from lungcam.report.run_page import ReportCase, RunReport, run_page
from lungcam.tasks.predictions import Predictions

if TYPE_CHECKING:
    from lungcam.report.montage import SampleSlices

# label, True if the call is right, and title of such a case
CASES = (
    (1, True, "Most confident and right: the positive with the highest probability"),
    (1, False, "Most confident and wrong: the missed positive with the lowest probability"),
    (0, True, "Most confident and right: the negative with the lowest probability"),
    (0, False, "Most confident and wrong: the called negative with the highest probability"),
)


def write_run_report(
    run: TrainedRun,
    metrics: Mapping[str, Any],
    *,
    test: Predictions,
    tiles: Mapping[int, "SampleSlices"],
    localisation: Sequence[str],
    mark: str | None,
) -> None:
    """Write report.html, a single file that any browser shows offline.

    Args:
        run: The run, with its figures drawn.
        metrics: Content of metrics.json.
        test: Predictions of label 1 in the test split.
        tiles: Slices of some of its samples by row, from `draw_figures`.
        localisation: Lines on where the maps point.
        mark: Warning on heat-maps that failed their checks.
    """
    titles = {**run.task.figure_titles, HEATMAPS: HEATMAPS_TITLE}
    files = {name: run.folder / "figures" / f"{name}.png" for name in titles}
    report = RunReport(
        name=run.folder.name,
        metrics=metrics,
        titles=titles,
        figures={name: file.read_bytes() for name, file in files.items() if file.is_file()},
        cases=_cases(test, metrics["test"]["threshold"], tiles=tiles),
        # the report itself lies in the run folder, and need not name it
        localisation=[line for line in localisation if str(run.folder) not in line],
        excluded=list(run.data.left_out),
        overview=_overview(run.folder, run.seed),
        mark=mark,
    )
    write_page(run.folder / "report.html", run_page(report))


def extremes(
    labels: np.ndarray, probabilities: np.ndarray, *, threshold: float
) -> list[tuple[str, int | None]]:
    """Find the most confident right and wrong answers of each class.

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)`.
        threshold: Probability from which a sample is called positive.

    Returns:
        Title and row of each; the row is None if there is no such answer.
    """
    called = probabilities >= threshold
    answers = []
    for label, right, title in CASES:
        rows = np.flatnonzero((labels == label) & ((called == label) == right))
        # confidence grows with the probability of called samples, and falls with that of others
        sign = -1 if (label == 1) == right else 1
        order = np.argsort(sign * probabilities[rows], kind="stable")
        answers.append((title, int(rows[order[0]]) if len(rows) else None))
    return answers


def _cases(
    test: Predictions, threshold: float, *, tiles: Mapping[int, "SampleSlices"]
) -> list[ReportCase]:
    """Describe the most confident answers, with slices if there are any."""
    from lungcam.report.montage import slices_png

    answers = extremes(test.labels, test.probabilities, threshold=threshold)
    shown = [tiles[row] for _, row in answers if row in tiles]
    # one scale makes colours comparable
    max_heat = max((slices.max_heat for slices in shown), default=0.0)
    cases = []
    for title, row in answers:
        if row is None:
            cases.append(ReportCase(title=title))
            continue
        sample, probability = test.samples[row], test.probabilities[row]
        facts = [
            ("Sample", sample.sample_id),
            ("Probability", f"{probability:.3f}, called from {threshold:.3f}"),
            ("Label", f"{sample.label}: {sample.label_source}"),
            ("Lesion", f"{sample.diameter_mm:.1f} mm" if sample.diameter_mm else None),
        ]
        png = slices_png(tiles[row], max_heat) if row in tiles else None
        cases.append(ReportCase(title=title, facts=facts, png=png))
    return cases


def _overview(folder: Path, seed: int) -> list[tuple[str, object]]:
    """Summarise the configuration, without texts that may be paths."""
    file = folder / ".hydra" / "config.yaml"
    if not file.is_file():
        return [("Seed", seed)]
    config = OmegaConf.load(file)
    mask = f"{config.lungs.mask}, {config.lungs.margin_mm:g} mm around it"
    shape = " × ".join(map(str, config.view.shape))
    return [
        ("Data", _summarise_node(config.data)),
        ("View", f"{config.view.name}, {shape} voxels of {config.view.spacing_mm:g} mm"),
        ("Mask", mask if config.view.name == "lungs" else None),
        ("Model", _summarise_node(config.model)),
        ("Optimizer", _summarise_node(config.optimizer)),
        ("Epochs", f"{config.trainer.max_epochs} at most, batches of {config.loader.batch_size}"),
        ("Heat-maps", f"{config.explain.method}, layer {config.explain.layer}"),
        ("Best epoch by", f"{config.monitor.metric} ({config.monitor.mode})"),
        ("Seed", seed),
    ]


def _summarise_node(node: DictConfig) -> str:
    """Return the last part of a node's target, with its numbers."""
    values = OmegaConf.to_container(node, resolve=False)
    name = str(values.pop("_target_", "")).rpartition(".")[2]
    numbers = {
        key: value
        for key, value in values.items()
        if _is_number(value) or (isinstance(value, list) and value and all(map(_is_number, value)))
    }
    return ", ".join([name, *(f"{key} {value}" for key, value in numbers.items())])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

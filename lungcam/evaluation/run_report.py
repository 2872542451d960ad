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

# label, whether it was called rightly, and what such a case is
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
        # the report lies in the run folder, whose name it need not repeat
        localisation=[line for line in localisation if str(run.folder) not in line],
        excluded=list(run.data.left_out),
        overview=_overview(run.folder, run.seed),
        mark=mark,
    )
    write_page(run.folder / "report.html", run_page(report))


def extremes(
    labels: np.ndarray, probabilities: np.ndarray, *, threshold: float
) -> list[tuple[str, int | None]]:
    """The most confident right and wrong answers of each class; None where there is none.

    Args:
        labels: `(N,)` of 0 and 1.
        probabilities: `(N,)`.
        threshold: From which a sample is called positive.

    Returns:
        What each is, and its row.
    """
    called = probabilities >= threshold
    found = []
    for label, right, words in CASES:
        rows = np.flatnonzero((labels == label) & ((called == label) == right))
        # what is called is the more confident the higher, what is not the lower
        sign = -1 if (label == 1) == right else 1
        order = np.argsort(sign * probabilities[rows], kind="stable")
        found.append((words, int(rows[order[0]]) if len(rows) else None))
    return found


def _cases(
    answers: Predictions, threshold: float, *, tiles: Mapping[int, "SampleSlices"]
) -> list[ReportCase]:
    from lungcam.report.montage import slices_png

    picked = extremes(answers.labels, answers.probabilities, threshold=threshold)
    drawn = [tiles[row] for _, row in picked if row in tiles]
    # one scale, so that colours compare
    max_heat = max((slices.max_heat for slices in drawn), default=0.0)
    cases = []
    for words, row in picked:
        if row is None:
            cases.append(ReportCase(title=words))
            continue
        sample, probability = answers.samples[row], answers.probabilities[row]
        diameter = f"{sample.diameter_mm:.1f} mm" if sample.diameter_mm else None
        facts = [
            ("Sample", sample.sample_id),
            ("Probability", f"{probability:.3f}, called from {threshold:.3f}"),
            ("Label", f"{sample.label}: {sample.label_source}"),
            ("Lesion", diameter),
        ]
        png = slices_png(tiles[row], max_heat) if row in tiles else None
        cases.append(ReportCase(title=words, facts=facts, png=png))
    return cases


def _overview(folder: Path, seed: int) -> list[tuple[str, object]]:
    """What was trained on what; texts of the configuration that may be paths are left out."""
    file = folder / ".hydra" / "config.yaml"
    if not file.is_file():
        return [("Seed", seed)]
    config = OmegaConf.load(file)
    mask = f"{config.lungs.mask}, {config.lungs.margin_mm:g} mm around it"
    shape = " × ".join(map(str, config.view.shape))
    return [
        ("Data", _told(config.data)),
        ("View", f"{config.view.name}, {shape} voxels of {config.view.spacing_mm:g} mm"),
        ("Mask", mask if config.view.name == "lungs" else None),
        ("Model", _told(config.model)),
        ("Optimizer", _told(config.optimizer)),
        ("Epochs", f"{config.trainer.max_epochs} at most, batches of {config.loader.batch_size}"),
        ("Heat-maps", f"{config.explain.method}, layer {config.explain.layer}"),
        ("Best epoch by", f"{config.monitor.metric} ({config.monitor.mode})"),
        ("Seed", seed),
    ]


def _told(node: DictConfig) -> str:
    """A node's target by its last name, with its numbers."""
    plain = OmegaConf.to_container(node, resolve=False)
    name = str(plain.pop("_target_", "")).rpartition(".")[2]
    numbers = {
        key: value
        for key, value in plain.items()
        if _is_number(value) or (isinstance(value, list) and value and all(map(_is_number, value)))
    }
    return ", ".join([name, *(f"{key} {value}" for key, value in numbers.items())])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

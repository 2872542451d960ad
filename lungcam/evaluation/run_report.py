"""The report of a training run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from omegaconf import DictConfig, OmegaConf

from lungcam.evaluation.predictions import Predictions
from lungcam.report.page import write_page
from lungcam.report.run_page import PICTURES, Case, RunReport, run_page

# label, whether it was called rightly, and what such a case is
CASES = (
    (1, True, "Most confident and right: the positive with the highest probability"),
    (1, False, "Most confident and wrong: the missed positive with the lowest probability"),
    (0, True, "Most confident and right: the negative with the lowest probability"),
    (0, False, "Most confident and wrong: the called negative with the highest probability"),
)


def write_run_report(
    folder: Path,
    metrics: Mapping[str, object],
    *,
    answers: Predictions,
    tiles: Mapping[int, object],
    located: Sequence[str],
    left_out: Sequence[str],
    mark: str | None,
) -> None:
    """Write report.html: one file that works offline in any browser.

    Args:
        folder: The run folder, with its figures.
        metrics: As written to metrics.json.
        answers: Of the test split.
        tiles: Slices of some of its samples, by row, see `draw_figures`.
        located: Lines on where the maps point.
        left_out: Ids of samples that could not be used.
        mark: The warning on heat-maps that failed their checks.
    """
    files = {name: folder / "figures" / f"{name}.png" for name in PICTURES}
    report = RunReport(
        name=folder.name,
        metrics=metrics,
        figures={name: file.read_bytes() for name, file in files.items() if file.is_file()},
        cases=_cases(answers, metrics["test"]["threshold"], tiles=tiles),
        # where the file lies says the run folder
        located=[one for one in located if str(folder) not in one],
        left_out=left_out,
        overview=_overview(folder, metrics["seed"]),
        mark=mark,
    )
    write_page(folder / "report.html", run_page(report))


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


def _cases(answers: Predictions, threshold: float, *, tiles: Mapping[int, object]) -> list[Case]:
    from lungcam.report.montage import tile_png

    picked = extremes(answers.labels, answers.probabilities, threshold=threshold)
    drawn = [tiles[row] for _, row in picked if row in tiles]
    # one scale, so that colours compare
    top = max((float(s.heat.max()) for t in drawn for s in (t.axial, t.coronal)), default=0.0)
    cases = []
    for words, row in picked:
        if row is None:
            cases.append(Case(words))
            continue
        sample, probability = answers.samples[row], answers.probabilities[row]
        diameter = f"{sample.diameter_mm:.1f} mm" if sample.diameter_mm else None
        told = [
            ("Sample", sample.sample_id),
            ("Probability", f"{probability:.3f}, called from {threshold:.3f}"),
            ("Label", f"{sample.label}: {sample.label_source}"),
            ("Lesion", diameter),
        ]
        png = tile_png(tiles[row], top) if row in tiles else None
        cases.append(Case(words, told, png))
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

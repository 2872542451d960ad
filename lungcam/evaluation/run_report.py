"""The report of a training run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from lungcam.evaluation.figures import CURVES, CURVES_TITLE, HEATMAPS, HEATMAPS_TITLE
from lungcam.evaluation.trained_run import TrainedRun
from lungcam.report.page import write_page
from lungcam.report.run_page import ReportCase, ReportError, RunReport, run_page
from lungcam.runtime.command_line import command_line
from lungcam.tasks.examples import Case, Examples

if TYPE_CHECKING:
    from lungcam.report.montage import SampleSlices


def write_run_report(
    run: TrainedRun,
    metrics: Mapping[str, Any],
    *,
    examples: Examples,
    tiles: Mapping[int, "SampleSlices"],
    localisation: Sequence[str],
    mark: str | None,
) -> None:
    """Write report.html, a single file that any browser shows offline.

    Args:
        run: The run, with its figures drawn.
        metrics: Content of metrics.json.
        examples: Samples of the test split to show.
        tiles: Slices of some of its samples by row, from `draw_figures`.
        localisation: Lines on where the maps point.
        mark: Warning on heat-maps that failed their checks.
    """
    titles = {CURVES: CURVES_TITLE, **run.task.figure_titles, HEATMAPS: HEATMAPS_TITLE}
    files = {name: run.folder / "figures" / f"{name}.png" for name in titles}
    report = RunReport(
        name=run.folder.name,
        metrics=metrics,
        results=run.task.run_figures(metrics),
        titles=titles,
        figures={name: file.read_bytes() for name, file in files.items() if file.is_file()},
        cases=_report_cases(examples.cases, tiles=tiles),
        errors=_errors(examples, tiles=tiles),
        more_errors=examples.more_errors,
        command=command_line(run.overrides, seed=run.seed),
        # the report itself lies in the run folder, and need not name it
        localisation=[line for line in localisation if str(run.folder) not in line],
        excluded=list(run.data.left_out),
        overview=_overview(run.folder, run.seed),
        evidence=run.task.evidence(run.classifier),
        checkable=run.task.has_positive,
        mark=mark,
    )
    write_page(run.folder / "report.html", run_page(report))


def _report_cases(
    cases: Sequence[Case], *, tiles: Mapping[int, "SampleSlices"]
) -> list[ReportCase]:
    """Describe the cases, with slices if there are any."""
    from lungcam.report.montage import slices_png

    shown = [tiles[case.row] for case in cases if case.row in tiles]
    # one scale makes colours comparable
    max_heat = max((slices.max_heat for slices in shown), default=0.0)
    return [
        ReportCase(
            title=case.title,
            facts=case.facts,
            png=slices_png(tiles[case.row], max_heat) if case.row in tiles else None,
        )
        for case in cases
    ]


def _errors(examples: Examples, *, tiles: Mapping[int, "SampleSlices"]) -> list[ReportError]:
    """Describe the wrong answers, with slices if there are any."""
    from lungcam.report.montage import slices_png

    max_heat = max((slices.max_heat for slices in tiles.values()), default=0.0)
    return [
        ReportError(
            name=error.name,
            kind=error.words,
            answer=error.answer,
            png=slices_png(tiles[error.row], max_heat) if error.row in tiles else None,
        )
        for error in examples.errors
    ]


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
    # a net of MONAI may be named by a word
    name = str(values.pop("_target_", values.pop("name", ""))).rpartition(".")[2]
    numbers = {
        key: value
        for key, value in values.items()
        if _is_number(value) or (isinstance(value, list) and value and all(map(_is_number, value)))
    }
    return ", ".join([name, *(f"{key} {value}" for key, value in numbers.items())])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

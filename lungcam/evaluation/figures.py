"""Figures of a run's test split, as PNG and in TensorBoard."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from pytorch_lightning.loggers import TensorBoardLogger

from lungcam.callbacks import HeatmapExport, read_curves
from lungcam.callbacks.learning_curves import FILE as CURVES_FILE
from lungcam.cohorts import Sample
from lungcam.data.prepared_sample import read_sample
from lungcam.evaluation.trained_run import TrainedRun
from lungcam.explain import HeatMap, method_name, peak_mm
from lungcam.grid import Grid, reorient
from lungcam.lungs.morphology import bounding_box
from lungcam.runtime.atomic import atomic_write
from lungcam.scans import Scan
from lungcam.tasks.examples import Examples
from lungcam.training.checkpoint import load_checkpoint
from lungcam.transforms import shows_whole_chest

if TYPE_CHECKING:
    # matplotlib takes a while to load
    from matplotlib.figure import Figure

    from lungcam.report.montage import SampleSlices, Slice

# name and title of the slices through heat-maps, after the task's figures
HEATMAPS = "heatmaps"
# the same of the learning curves, before them
CURVES, CURVES_TITLE = "learning_curves", "Learning curves"
# around the lungs in these slices
MARGIN_MM = 12.0
HEATMAPS_TITLE = "Slices through the peaks of heat-maps"


def learning_curves(run: TrainedRun) -> dict[str, "Figure"]:
    """Draw the learning curves of a run; nothing for a run without any."""
    rows = read_curves(run.folder / CURVES_FILE)
    if not rows:
        return {}
    # matplotlib loads slowly
    from lungcam.report.learning_curves import draw_learning_curves

    best = load_checkpoint(run.best).get("epoch")
    figure = draw_learning_curves(rows, label_rule=run.label_rule, best=best)
    return {CURVES: figure}


def save_figures(
    run: TrainedRun,
    figures: Mapping[str, "Figure"],
    *,
    examples: Examples,
    metrics: Mapping[str, Any],
    mark: str | None = None,
) -> dict[int, "SampleSlices"]:
    """Write the task's figures of the test split, and heatmaps, as `figures/NAME.png`.

    Args:
        run: The run; without a heat-map export there is no heatmaps.png.
        figures: The task's figures by name.
        examples: Samples with a heat-map.
        metrics: Content of metrics.json.
        mark: Warning over the heat-maps.

    Returns:
        Slices through the heat-maps of the examples and of wrong answers, by row of the test split.
    """
    figures, tiles = dict(figures), {}
    if run.exports:
        tiles = _tiles(run, run.exports[0], examples=examples)
        shown = [tiles[example.row] for example in examples.shown]
        figures[HEATMAPS] = _draw_heatmaps(
            shown, run.exports[0], rule=examples.rule, label_rule=metrics["label_rule"], mark=mark
        )
    for name, figure in figures.items():
        _save(run, name, figure=figure)
    return tiles


def _draw_heatmaps(
    tiles: Sequence["SampleSlices"],
    export: HeatmapExport,
    *,
    rule: str,
    label_rule: str,
    mark: str | None,
) -> "Figure":
    from lungcam.report.montage import draw_montage

    below = f"{rule}; dashed: the known lesion"
    method = method_name(export.method, export.evidence)
    return draw_montage(tiles, below, label_rule=label_rule, method=method, mark=mark)


def _save(run: TrainedRun, name: str, *, figure: "Figure") -> None:
    """Write a figure to the run folder and to TensorBoard."""
    from lungcam.report.figure import to_rgb

    picture = to_rgb(figure)
    with atomic_write(run.folder / "figures" / f"{name}.png") as temporary:
        Image.fromarray(picture).save(temporary)
    for logger in run.trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(f"test/{name}", picture, dataformats="HWC")
            # Lightning closed the file when training ended, and nothing would close it again
            logger.experiment.flush()


def _tiles(
    run: TrainedRun, export: HeatmapExport, *, examples: Examples
) -> dict[int, "SampleSlices"]:
    """Explain the chosen test samples, and those with wrong answers."""
    # montage loads matplotlib
    from lungcam.report.montage import SampleSlices

    dataset, tiles = run.data.datasets["test"], {}
    device = next(run.classifier.parameters()).device
    for example in [*examples.shown, *examples.errors]:
        row = example.row
        if row in tiles:
            continue
        sample, box = dataset.samples[row], dataset.prepared(row).grid
        image = dataset[row]["input"].to(device)
        heat = export.explainer(run.data.transforms)(run.classifier, image, box)
        scan = read_sample(sample, run.data.transforms)
        if shows_whole_chest(run.data.transforms):
            box = _lungs_box(dataset.prepared(row).lungs, box)
        axial, coronal = _slices(sample, heat, scan=scan, box=box)
        caption = (sample.sample_id[-26:], example.words, example.answer)
        tiles[row] = SampleSlices(caption=caption, axial=axial, coronal=coronal)
    return tiles


def _lungs_box(lungs: np.ndarray, box: Grid) -> Grid:
    """Return the part of the net's input around the lungs; all of it where there are none."""
    if not lungs.any():
        return box
    margin = np.ceil(MARGIN_MM / np.array(box.spacing_mm)).astype(int)
    sides = [
        slice(max(0, side.start - int(n)), min(size, side.stop + int(n)))
        for side, n, size in zip(bounding_box(lungs), margin, box.shape, strict=True)
    ]
    return box.crop(tuple(sides))


def _slices(sample: Sample, heat: HeatMap, *, scan: Scan, box: Grid) -> tuple["Slice", "Slice"]:
    """Cut the scan and its heat-map at the peak, in the axial and the coronal plane."""
    from lungcam.report.montage import extract_slice

    canonical = scan.grid.canonical
    lesion = None
    if sample.center_mm is not None and sample.diameter_mm:
        lesion = np.array(sample.center_mm), sample.diameter_mm
    point = peak_mm(heat.values, heat.cells)
    if np.isnan(point).any():
        # nothing speaks for the positive class: show the lesion, else the middle
        point = lesion[0] if lesion else box.to_world((np.array(box.shape) - 1) / 2)
    hu = reorient(scan.hu, scan.grid, target=canonical)
    axial, coronal = (
        extract_slice(hu, canonical, heat=heat, box=box, point_mm=point, plane=plane, lesion=lesion)
        for plane in ("axial", "coronal")
    )
    return axial, coronal

"""Figures of a run's test split, as PNG and in TensorBoard."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from pytorch_lightning.loggers import TensorBoardLogger

from lungcam.callbacks import HeatmapExport
from lungcam.cohorts import Sample
from lungcam.data.prepared_sample import read_sample
from lungcam.evaluation.trained_run import TrainedRun
from lungcam.explain import HeatMap, method_name, peak_mm
from lungcam.grid import Grid, reorient
from lungcam.runtime.atomic import atomic_write
from lungcam.scans import Scan
from lungcam.tasks.predictions import Predictions

if TYPE_CHECKING:
    # matplotlib takes a while to load
    from matplotlib.figure import Figure

    from lungcam.report.montage import SampleSlices, Slice

# name and title of the slices through heat-maps, after the task's figures
HEATMAPS = "heatmaps"
HEATMAPS_TITLE = "Slices through the peaks of heat-maps"


def draw_figures(
    run: TrainedRun, test: Predictions, *, metrics: Mapping[str, Any], mark: str | None = None
) -> dict[int, "SampleSlices"]:
    """Write the task's figures of the test split, and heatmaps, as `figures/NAME.png`.

    Args:
        run: The run; without a heat-map export there is no heatmaps.png.
        test: Calibrated predictions of the test split.
        metrics: Content of metrics.json.
        mark: Warning over the heat-maps.

    Returns:
        Slices through the heat-maps that are shown, by row of the test split.
    """
    figures, tiles = run.task.draw(test, metrics), {}
    if run.exports:
        tiles = _tiles(run, run.exports[0], test=test.labelled)
        figures[HEATMAPS] = _draw_heatmaps(tiles, run.exports[0], metrics=metrics, mark=mark)
    for name, figure in figures.items():
        _save(run, name, figure=figure)
    return tiles


def _draw_heatmaps(
    tiles: Mapping[int, "SampleSlices"],
    export: HeatmapExport,
    *,
    metrics: Mapping[str, Any],
    mark: str | None,
) -> "Figure":
    from lungcam.report.figure import counts_text
    from lungcam.report.montage import draw_montage

    counts = counts_text("test", metrics["test"])
    below = f"highest, middle and lowest probability of either class; {counts}; "
    below += "dashed: the known lesion"
    method = method_name(export.method, export.evidence)
    return draw_montage(
        list(tiles.values()), below, label_rule=metrics["label_rule"], method=method, mark=mark
    )


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
    run: TrainedRun, export: HeatmapExport, *, test: Predictions
) -> dict[int, "SampleSlices"]:
    """Explain some test samples, chosen by a rule that takes errors as readily as successes."""
    # montage loads matplotlib
    from lungcam.report.montage import SampleSlices, select_samples

    dataset, tiles = run.data.datasets["test"], {}
    device = next(run.classifier.parameters()).device
    for row, words in select_samples(test.labels, test.probabilities):
        sample, box = test.samples[row], dataset.prepared(row).grid
        image = dataset[row]["input"].to(device)
        heat = export.explainer(run.data.transforms)(run.classifier, image, box)
        scan = read_sample(sample, run.data.transforms)
        axial, coronal = _slices(sample, heat, scan=scan, box=box)
        probability = test.probabilities[row]
        caption = (sample.sample_id[-26:], words, f"p = {probability:.3f}, label {sample.label}")
        tiles[row] = SampleSlices(caption=caption, axial=axial, coronal=coronal)
    return tiles


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

"""The figures of a run: drawn from the test split, as PNG and in TensorBoard."""

from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from PIL import Image
from pytorch_lightning.loggers import TensorBoardLogger

from lungcam.callbacks import HeatmapExport
from lungcam.data import ScanDataModule
from lungcam.data.prepared_sample import read_sample
from lungcam.evaluation.predictions import Predictions
from lungcam.explain import method_name, peak_mm
from lungcam.grid import reorient
from lungcam.metrics import Calibration
from lungcam.runtime.atomic import atomic_write
from lungcam.training import Classifier


def draw_figures(
    trainer: pl.Trainer,
    classifier: Classifier,
    *,
    data: ScanDataModule,
    answers: Predictions,
    metrics: dict,
    folder: Path,
    export: HeatmapExport | None,
    mark: str | None = None,
) -> dict:
    """Write the figures of the test split as `figures/NAME.png`.

    These are roc, precision_recall, reliability, histogram, heatmaps, and of risks risk.

    Args:
        trainer: Whose TensorBoard loggers show them too.
        classifier: The net, with the weights that gave the answers.
        data: After `setup`.
        answers: Of the test split.
        metrics: As written to metrics.json.
        folder: The run folder.
        export: Knows how to explain; None leaves heatmaps.png out.
        mark: A warning that stands over the heat-maps.

    Returns:
        The slices of the heat-maps that are shown, a `Tile` by row of the test split.
    """
    # matplotlib takes a while to load, and nothing before the training's end needs it
    from lungcam.report.classification_figures import (
        draw_histogram,
        draw_precision_recall,
        draw_reliability,
        draw_roc,
    )
    from lungcam.report.figure import Shown, rgb
    from lungcam.report.montage import draw_montage
    from lungcam.report.risk_figures import draw_risk

    shown = Shown(
        split="test",
        labels=answers.labels,
        raw=Calibration().probability(answers.logits),
        probabilities=answers.probabilities,
        patients=answers.patients,
        baselines=answers.baselines,
        figures=metrics["test"],
        label_rule=metrics["label_rule"],
        seed=metrics["seed"],
    )
    figures = {
        "roc": draw_roc(shown),
        "precision_recall": draw_precision_recall(shown),
        "reliability": draw_reliability(shown),
        "histogram": draw_histogram(shown),
    }
    tiles = {}
    if metrics["test"].get("risk", {}).get("n"):
        figures["risk"] = draw_risk(metrics["test"]["risk"], "test", label_rule=shown.label_rule)
    if export is not None:
        tiles = _tiles(classifier, data, answers=answers, export=export)
        below = (
            f"highest, middle and lowest probability of either class; {shown.counts}; "
            "dashed: the known lesion"
        )
        name = method_name(export.method, export.evidence)
        figures["heatmaps"] = draw_montage(
            list(tiles.values()), below, label_rule=shown.label_rule, method=name, mark=mark
        )
    for name, figure in figures.items():
        picture = rgb(figure)
        with atomic_write(folder / "figures" / f"{name}.png") as temporary:
            Image.fromarray(picture).save(temporary)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(f"test/{name}", picture, dataformats="HWC")
                # Lightning closed the file when training ended, and nothing would close it again
                logger.experiment.flush()
    return tiles


def _tiles(
    classifier: Classifier, data: ScanDataModule, *, answers: Predictions, export: HeatmapExport
) -> dict:
    """Explain some test samples, chosen by a rule that takes errors as readily as successes."""
    from lungcam.report.montage import Tile, chosen, cut

    dataset, tiles = data.datasets["test"], {}
    device = next(classifier.parameters()).device
    for row, words in chosen(answers.labels, answers.probabilities):
        sample, at = answers.samples[row], dataset.prepared(row).grid
        image = dataset[row]["input"].to(device)
        heat = export.explain(classifier, image, at, data.transforms)
        scan = read_sample(sample, data.transforms)
        canonical = scan.grid.canonical
        lesion = None
        if sample.center_mm is not None and sample.diameter_mm:
            lesion = np.array(sample.center_mm), sample.diameter_mm
        point = peak_mm(heat.values, heat.cells)
        if np.isnan(point).any():
            # nothing speaks for the positive class: the lesion, else the middle is shown
            point = lesion[0] if lesion else at.to_world((np.array(at.shape) - 1) / 2)
        hu = reorient(scan.hu, scan.grid, target=canonical)
        slices = [
            cut(hu, canonical, heat=heat, box=at, point_mm=point, plane=plane, lesion=lesion)
            for plane in ("axial", "coronal")
        ]
        probability = answers.probabilities[row]
        caption = (sample.sample_id[-26:], words, f"p = {probability:.3f}, label {sample.label}")
        tiles[row] = Tile(caption, *slices)
    return tiles

"""Export heat-map volumes and their pictures."""

from collections.abc import Sequence
from pathlib import Path

import pytorch_lightning as pl
import torchio as tio

from lungcam.cohorts.sample import Sample
from lungcam.data import PreparedDataset
from lungcam.explain import explain
from lungcam.grid import Grid
from lungcam.render import RenderError, render_volume, save_png
from lungcam.scans import read_scan, write_volume
from lungcam.transforms import prepare, shows_whole_chest
from lungcam.transforms.volumes import grid, volume


class HeatmapExport(pl.Callback):
    """Writes `cam/<sample_id>/{heatmap.nii.gz,render.png}` while the trained net predicts.

    The heat-map stands on the scan's own grid.

    Args:
        folder: The run folder, in which `cam/` is made.
        layer: Layer that Grad-CAM explains.
        val: How many validation samples, positives first, else in the table's order.
        test: How many test samples, likewise.
    """

    def __init__(self, folder: str, layer: str, val: int, test: int):
        self.folder = Path(folder) / "cam"
        self.layer = layer
        self.counts = (val, test)
        self.written: list[Path] = []
        self.warnings: list[str] = []

    def on_predict_batch_end(
        self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0
    ) -> None:
        """Export the batch's chosen samples."""
        if not trainer.is_global_zero:
            return
        dataset: PreparedDataset = trainer.predict_dataloaders[dataloader_idx].dataset
        chosen = choose(dataset.samples, self.counts[dataloader_idx])
        for row, index in enumerate(batch["index"].tolist()):
            sample = dataset.samples[index]
            if sample.sample_id not in chosen:
                continue
            image = batch["input"][row : row + 1]
            heat = explain(pl_module, image, dataset.prepared(index).grid, f"net.{self.layer}")
            self._write(sample, heat, trainer.datamodule.transforms)

    def _write(self, sample: Sample, heat, transforms: tio.Compose) -> None:
        scan = read_scan(sample.image, whole_chest=shows_whole_chest(transforms))
        folder = self.folder / sample.sample_id
        write_volume(folder / "heatmap.nii.gz", heat.on(scan.grid), scan.grid)
        self.written.append(folder)
        subject = prepare(scan, transforms, sample.center_mm)
        if "lungs" not in subject:
            return  # a crop has no lungs to draw
        canonical: Grid = grid(subject, "image")
        try:
            picture = render_volume(
                volume(subject, "image"),
                volume(subject, "lungs"),
                heat.on(canonical),
                canonical.spacing_mm,
            )
        except RenderError as error:
            self.warnings.append(str(error))
        else:
            save_png(folder / "render.png", picture)


def choose(samples: Sequence[Sample], count: int) -> set[str]:
    """Ids of the first samples of a split, positives first."""
    ordered = sorted(samples, key=lambda sample: -(sample.label or 0))
    return {sample.sample_id for sample in ordered[:count]}

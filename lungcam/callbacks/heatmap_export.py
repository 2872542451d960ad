"""Export heat-map volumes and their pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytorch_lightning as pl
import torch
import torchio as tio

from lungcam.cohorts.sample import Sample
from lungcam.data import PreparedDataset, prepare_sample
from lungcam.explain import HeatMap, explain, method_name
from lungcam.grid import Grid
from lungcam.render import RenderError, RenderOptions, render_volume, save_png
from lungcam.report.outlines import outlines_of
from lungcam.scans import write_volume
from lungcam.transforms import background, shows_whole_chest
from lungcam.transforms.subject import grid, volume


class HeatmapExport(pl.Callback):
    """Writes `cam/<sample_id>/{heatmap.nii.gz,render.png}` while the trained net predicts.

    The heat-map stands on the scan's own grid.

    Args:
        folder: The run folder, in which `cam/` is made.
        layer: Layer that is explained.
        val: How many validation samples, positives first, else in the table's order.
        test: How many test samples, likewise.
        method: One of `lungcam.explain.METHODS`.
        evidence: One of `lungcam.explain.EVIDENCE`.
        look: The fields of `lungcam.render.RenderOptions`; None for its defaults.
    """

    def __init__(
        self,
        folder: str,
        layer: str,
        val: int,
        test: int,
        method: str = "gradcam",
        evidence: str = "both",
        look: Mapping[str, object] | None = None,
    ):
        self.folder = Path(folder) / "cam"
        self.layer = layer
        self.method = method
        self.evidence = evidence
        self.look = RenderOptions(**(look or {}))
        self.counts = (val, test)
        self.written: list[Path] = []
        self.warnings: list[str] = []
        # kept to draw the pictures again, and to erase lesions
        self.heatmaps: list[tuple[Sample, HeatMap]] = []

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
            transforms = trainer.datamodule.transforms
            heat = self.explain(pl_module, image, dataset.prepared(index).grid, transforms)
            self._write(sample, heat, transforms=transforms)

    def explain(
        self,
        classifier: pl.LightningModule,
        image: torch.Tensor,
        grid: Grid,
        transforms: tio.Compose,
    ) -> HeatMap:
        """Explain one prepared image as this callback does.

        Args:
            classifier: With the model as `net`.
            image: `(1, 1, W, H, D)`.
            grid: Where it stands.
            transforms: That prepared it.
        """
        layer, covered = f"net.{self.layer}", background(transforms)
        return explain(
            classifier,
            image,
            grid=grid,
            layer=layer,
            method=self.method,
            evidence=self.evidence,
            background=covered,
        )

    def mark(self, words: str, transforms: tio.Compose) -> None:
        """Draw the pictures again with a warning: the verdict comes after the heat-maps."""
        for sample, heat in self.heatmaps if shows_whole_chest(transforms) else ():
            self._draw(sample, prepare_sample(sample, transforms).subject, heat=heat, mark=words)

    def _write(self, sample: Sample, heat: HeatMap, *, transforms: tio.Compose) -> None:
        prepared = prepare_sample(sample, transforms)
        scan, subject = prepared.scan, prepared.subject
        folder = self.folder / sample.sample_id
        write_volume(folder / "heatmap.nii.gz", heat.on(scan.grid), grid=scan.grid)
        self.written.append(folder)
        self.heatmaps.append((sample, heat))
        if "lungs" not in subject:
            return  # a crop has no lungs to draw
        self._draw(sample, subject, heat=heat)

    def _draw(
        self, sample: Sample, subject: tio.Subject, *, heat: HeatMap, mark: str | None = None
    ) -> None:
        canonical: Grid = grid(subject, "image")
        try:
            picture = render_volume(
                volume(subject, "image"),
                volume(subject, "lungs"),
                # what speaks the other way is in the volume alone
                heat=heat.on(canonical).clip(0),
                spacing_mm=canonical.spacing_mm,
                heat_name=method_name(self.method, self.evidence),
                mark=mark,
                options=self.look,
                outlines=outlines_of(sample, canonical),
            )
        except RenderError as error:
            self.warnings.append(str(error))
        else:
            save_png(self.folder / sample.sample_id / "render.png", picture)


def choose(samples: Sequence[Sample], count: int) -> set[str]:
    """Ids of the first samples of a split, positives first."""
    ordered = sorted(samples, key=lambda sample: -(sample.label or 0))
    return {sample.sample_id for sample in ordered[:count]}

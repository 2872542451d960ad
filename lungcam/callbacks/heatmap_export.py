"""Export of heat-maps and their pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytorch_lightning as pl
import torchio as tio

from lungcam.cohorts.sample import Sample
from lungcam.data import PreparedDataset, prepare_sample
from lungcam.explain import Explainer, HeatMap, method_name
from lungcam.render import RenderError, RenderOptions, render_volume, save_png
from lungcam.report.outlines import outlines_of
from lungcam.scans import write_volume
from lungcam.transforms import background, shows_whole_chest
from lungcam.transforms.subject import grid, volume


class HeatmapExport(pl.Callback):
    """Write `cam/<sample_id>/{heatmap.nii.gz,render.png}` while the trained net predicts.

    Each heat-map lies on the grid of its scan.

    Args:
        folder: Run folder, in which `cam/` is created.
        layer: Layer that is explained.
        val: Number of validation samples: positives first, else in the table's order.
        test: Number of test samples, likewise.
        method: One of `lungcam.explain.METHODS`.
        evidence: One of `lungcam.explain.EVIDENCE`.
        look: Fields of `lungcam.render.RenderOptions`; None for the defaults.

    Attributes:
        written: Folder of each exported sample.
        warnings: Reasons for missing pictures.
        heatmaps: Exported samples with their heat-maps.
    """

    def __init__(
        self,
        *,
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
        self.options = RenderOptions(**(look or {}))
        self.counts = (val, test)
        self.written: list[Path] = []
        self.warnings: list[str] = []
        self.heatmaps: list[tuple[Sample, HeatMap]] = []

    def on_predict_batch_end(
        self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0
    ) -> None:
        """Export those samples of the batch that are chosen."""
        if not trainer.is_global_zero:
            return
        dataset: PreparedDataset = trainer.predict_dataloaders[dataloader_idx].dataset
        transforms = trainer.datamodule.transforms
        chosen = choose_samples(dataset.samples, self.counts[dataloader_idx])
        for row, index in enumerate(batch["index"].tolist()):
            sample = dataset.samples[index]
            if sample.sample_id in chosen:
                image = batch["input"][row : row + 1]
                heat = self.explainer(transforms)(pl_module, image, dataset.prepared(index).grid)
                self._write(sample, heat, transforms=transforms)

    def explainer(self, transforms: tio.Compose) -> Explainer:
        """Return the explainer of a classifier with the model as `net`.

        Args:
            transforms: Transforms of the classifier's input.
        """
        return Explainer(
            layer=f"net.{self.layer}",
            method=self.method,
            evidence=self.evidence,
            background=background(transforms),
        )

    def mark(self, warning: str, transforms: tio.Compose) -> None:
        """Draw the pictures again with a warning, which is known only after the export."""
        for sample, heat in self.heatmaps if shows_whole_chest(transforms) else ():
            self._draw(sample, prepare_sample(sample, transforms).subject, heat=heat, mark=warning)

    def _write(self, sample: Sample, heat: HeatMap, *, transforms: tio.Compose) -> None:
        prepared = prepare_sample(sample, transforms)
        scan, subject = prepared.scan, prepared.subject
        folder = self.folder / sample.sample_id
        write_volume(folder / "heatmap.nii.gz", heat.on(scan.grid), grid=scan.grid)
        self.written.append(folder)
        self.heatmaps.append((sample, heat))
        # a crop has no lungs to draw
        if "lungs" in subject:
            self._draw(sample, subject, heat=heat)

    def _draw(
        self, sample: Sample, subject: tio.Subject, *, heat: HeatMap, mark: str | None = None
    ) -> None:
        canonical = grid(subject, "image")
        try:
            picture = render_volume(
                volume(subject, "image"),
                volume(subject, "lungs"),
                # evidence against the class is in the volume alone
                heat=heat.on(canonical).clip(0),
                spacing_mm=canonical.spacing_mm,
                heat_name=method_name(self.method, self.evidence),
                mark=mark,
                options=self.options,
                outlines=outlines_of(sample, canonical),
            )
        except RenderError as error:
            self.warnings.append(str(error))
        else:
            save_png(self.folder / sample.sample_id / "render.png", picture)


def choose_samples(samples: Sequence[Sample], count: int) -> set[str]:
    """Return the ids of the first samples of a split, positives first."""
    ordered = sorted(samples, key=lambda sample: -(sample.label or 0))
    return {sample.sample_id for sample in ordered[:count]}

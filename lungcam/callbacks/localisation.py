"""Does the heat-map point at the lesion?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytorch_lightning as pl

from lungcam.data import PreparedDataset
from lungcam.explain import explain, is_hit, peak_mm, random_hit_share


@dataclass(frozen=True)
class Peak:
    """Where one heat-map points.

    Attributes:
        distance_mm: From its peak to the lesion's centre; NaN where the map is empty.
        hit: Within the lesion's radius + 5 mm.
        random_hit: Probability that a random point in the lungs is a hit.
    """

    distance_mm: float
    hit: bool
    random_hit: float


class Localisation(pl.Callback):
    """Compares, while predicting, each positive's heat-map with the known centre of its lesion.

    Args:
        layer: Layer that Grad-CAM explains.
    """

    def __init__(self, layer: str):
        self.layer = layer
        self.peaks: dict[str, Peak] = {}

    def on_predict_batch_end(
        self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0
    ) -> None:
        """Explain the batch's positives with a known centre."""
        dataset: PreparedDataset = trainer.predict_dataloaders[dataloader_idx].dataset
        for row, index in enumerate(batch["index"].tolist()):
            sample = dataset.samples[index]
            if sample.label != 1 or sample.center_mm is None or not sample.diameter_mm:
                continue
            prepared = dataset.prepared(index)
            image = batch["input"][row : row + 1]
            heat = explain(pl_module, image, prepared.grid, f"net.{self.layer}")
            peak, center = peak_mm(heat.values, heat.cells), np.array(sample.center_mm)
            self.peaks[sample.sample_id] = Peak(
                float(np.linalg.norm(peak - center)),
                is_hit(peak, center, sample.diameter_mm),
                random_hit_share(prepared.lungs, prepared.grid, center, sample.diameter_mm),
            )

    def shares(self, sample_ids: Sequence[str]) -> dict[str, float | int]:
        """Share of hits among these samples, beside that of a random point in the lungs."""
        peaks = [self.peaks[one] for one in sample_ids if one in self.peaks]
        if not peaks:
            return {}
        return {
            "peak_n": len(peaks),
            "peak_share": float(np.mean([peak.hit for peak in peaks])),
            "peak_share_random": float(np.mean([peak.random_hit for peak in peaks])),
        }

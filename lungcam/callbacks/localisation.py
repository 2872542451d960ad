"""Does the heat-map point at the lesion?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytorch_lightning as pl

from lungcam.data import PreparedDataset
from lungcam.explain import HIT_MARGIN_MM, Explainer, is_hit, peaks, random_hit_share
from lungcam.transforms import background

# the margins in mm of each share
SHARES = {"peak_share": HIT_MARGIN_MM, "peak_share_strict": 0.0}


@dataclass(frozen=True)
class Peak:
    """Where one heat-map points.

    Attributes:
        hits: By the names in `SHARES`: whether its highest peak lies within the lesion's radius and
            the margin.
        random_hits: Probability that a random point in the lungs is such a hit.
    """

    hits: dict[str, bool]
    random_hits: dict[str, float]


class Localisation(pl.Callback):
    """Compares, while predicting, each positive's heat-map with the known centre of its lesion.

    Args:
        layer: Layer that is explained.
        method: One of `lungcam.explain.METHODS`.
    """

    def __init__(self, layer: str, method: str = "gradcam"):
        self.layer = layer
        self.method = method
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
            covered = background(trainer.datamodule.transforms)
            explainer = Explainer(layer=f"net.{self.layer}", method=self.method, background=covered)
            heat = explainer(pl_module, image, prepared.grid)
            places, _ = peaks(heat.values, heat.cells, max_peaks=1)
            peak = places[0] if len(places) else np.full(3, np.nan)
            center, diameter = np.array(sample.center_mm), sample.diameter_mm
            self.peaks[sample.sample_id] = Peak(
                {
                    name: is_hit(peak, center, diameter_mm=diameter, margin_mm=margin)
                    for name, margin in SHARES.items()
                },
                {
                    name: random_hit_share(
                        prepared.lungs,
                        prepared.grid,
                        center_mm=center,
                        diameter_mm=diameter,
                        margin_mm=margin,
                    )
                    for name, margin in SHARES.items()
                },
            )

    def shares(self, sample_ids: Sequence[str]) -> dict[str, float | int]:
        """Shares of hits among these samples, beside those of a random point in the lungs."""
        found = [self.peaks[one] for one in sample_ids if one in self.peaks]
        if not found:
            return {}
        shares: dict[str, float | int] = {"peak_n": len(found)}
        for name in SHARES:
            shares[name] = float(np.mean([peak.hits[name] for peak in found]))
            shares[f"{name}_random"] = float(np.mean([peak.random_hits[name] for peak in found]))
        return shares

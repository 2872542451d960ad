"""A sample whose heat-map is judged."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lungcam.cohorts import Sample
from lungcam.data import PreparedDataset
from lungcam.explain import HeatMap, is_hit, peak_mm, random_hit_share
from lungcam.grid import Grid, resample

# from a net, an image and where it stands
Maker = Callable[[nn.Module, torch.Tensor, Grid], HeatMap]


@dataclass(frozen=True, eq=False)
class Case:
    """One sample with its map.

    Attributes:
        sample: What is known of it.
        image: `(1, 1, W, H, D)`.
        grid: Where it stands.
        lungs: `(W, H, D)` bool.
        heat: The net's map.
        where: `(w, h, d)` bool, the cells in the lungs.
    """

    sample: Sample
    image: torch.Tensor
    grid: Grid
    lungs: np.ndarray
    heat: HeatMap
    where: np.ndarray

    @property
    def background(self) -> float:
        """Aerated lung, as the net is shown it."""
        return float(np.percentile(self.image[0, 0].cpu().numpy()[self.lungs], 25))

    @property
    def lesion_is_known(self) -> bool:
        """Whether there is a lesion of known place and size."""
        return self.sample.center_mm is not None and bool(self.sample.diameter_mm)

    def hit(self, heat: HeatMap) -> bool:
        """Whether a map's peak lies on the lesion."""
        peak = peak_mm(heat.values, heat.cells)
        return is_hit(peak, np.array(self.sample.center_mm), self.sample.diameter_mm)

    @property
    def chance(self) -> float:
        """Probability that a random point in the lungs lies on the lesion."""
        center = np.array(self.sample.center_mm)
        return random_hit_share(self.lungs, self.grid, center, self.sample.diameter_mm)


def choose_cases(
    net: nn.Module, make: Maker, dataset: PreparedDataset, limit: int, seed: int
) -> list[Case]:
    """Explain some positives of a data set, drawn by a seed, in the data set's order."""
    positives = [i for i, sample in enumerate(dataset.samples) if sample.label == 1]
    chosen = np.random.default_rng(seed).permutation(positives)[:limit]
    device, cases = next(net.parameters()).device, []
    for index in sorted(chosen.tolist()):
        prepared = dataset.prepared(index)
        image = dataset[index]["input"].to(device)
        heat = make(net, image, prepared.grid)
        where = resample(prepared.lungs, prepared.grid, heat.cells) >= 0.5
        sample = dataset.samples[index]
        cases.append(Case(sample, image, prepared.grid, prepared.lungs, heat, where))
    return cases

"""Where a net's maps point, measured on lesions whose place is known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from lungcam.cohorts import Sample, ScanNodule
from lungcam.data import PreparedDataset, read_lesion
from lungcam.errors import InputError
from lungcam.explain import (
    Lesion,
    finer,
    masked_lesion,
    measure_chance,
    measure_map,
    measure_point,
    random_hit_share,
)
from lungcam.grid import Grid
from lungcam.runs.located import Known, Located, LookedAt
from lungcam.runs.pointers import BASELINES, NET, Pointed, Pointers

# maps are measured on the network's grid, split until no voxel is wider
WIDEST_MM = 2.5
# tables round to fractions of a mm
SAME_MM = 0.01


class Localiser:
    """Compares maps with lesions, image by image.

    Args:
        pointers: What points.
        whole_chest: Whether an image shows a whole chest: then samples of one scan share it. Else
            each sample shows its own surroundings.
    """

    def __init__(self, pointers: Pointers, whole_chest: bool):
        self.pointers = pointers
        self.whole_chest = whole_chest
        self.images: dict[object, LookedAt] = {}
        self.lesions: list[Located] = []
        self.notes: list[str] = []

    def add(self, sample: Sample, image: torch.Tensor, grid: Grid, lungs: np.ndarray) -> None:
        """Look at one image.

        A sample's lesion is to be found unless its label is 0: then it is none of what label 1
        means, and a candidate there is a false positive.

        Args:
            sample: Whose image it is.
            image: `(1, C, W, H, D)`, what the network is shown.
            grid: Where it stands.
            lungs: `(W, H, D)` bool.
        """
        lesion = self._lesion(sample)
        key = (sample.image, sample.series) if self.whole_chest else sample.sample_id
        if key not in self.images or lesion is not None:
            pointed = self.pointers.point(image, grid, lungs)
            # the maps of thousands of images would fill the memory
            bare = {name: replace(one, heat=None) for name, one in pointed.items()}
            self.images.setdefault(key, LookedAt(sample, bare))
        seen = self.images[key]
        if lesion is not None:
            _place(seen.targets, lesion.center_mm, lesion.diameter_mm, lungs, grid)
            self._measure(sample, lesion, pointed, grid, lungs)
        own = lesion.center_mm if lesion else sample.center_mm
        for nodule in others(sample.nodules, own):
            center = np.array(nodule.center_mm)
            if self.whole_chest or _holds(grid, center):
                place = seen.targets if nodule.counts else seen.excluded
                _place(place, center, nodule.diameter_mm, lungs, grid)

    def _lesion(self, sample: Sample) -> Lesion | None:
        """What is to be found in a sample; the mask tells it, else centre and diameter."""
        if sample.label == 0:
            return None
        if sample.lesion_mask is not None:
            try:
                return masked_lesion(*read_lesion(sample.lesion_mask), sample.diameter_mm)
            except (InputError, ValueError) as error:
                self.notes.append(f"{sample.sample_id}: its mask is not used: {error}")
        if sample.center_mm is None or not sample.diameter_mm:
            return None
        return Lesion(np.array(sample.center_mm), sample.diameter_mm)

    def _measure(
        self,
        sample: Sample,
        lesion: Lesion,
        pointed: dict[str, Pointed],
        grid: Grid,
        lungs: np.ndarray,
    ) -> None:
        fine = finer(grid, WIDEST_MM)
        try:
            share, coarse = lesion.share_on(fine), lesion.share_on(grid)
        except ValueError as error:
            self.notes.append(f"{sample.sample_id}: its mask is not used: {error}")
            return
        figures = {}
        for name, one in pointed.items():
            point = one.points[0] if len(one.points) else np.full(3, np.nan)
            if name == "center":
                point = min(one.points, key=lambda at: np.linalg.norm(at - lesion.center_mm))
            figures[name] = measure_point(point, lesion)
            if one.heat is not None:
                figures[name] |= measure_map(one.heat.on(fine), share)
        figures["random"] = measure_chance(lungs, grid, lesion, coarse)
        ordered = {name: figures[name] for name in (NET, *BASELINES)}
        found = pointed[NET].points
        peak = found[0] if len(found) else np.full(3, np.nan)
        bare = Lesion(lesion.center_mm, lesion.diameter_mm)
        self.lesions.append(Located(sample, bare, peak, ordered))


def others(nodules: Sequence[ScanNodule], own: Sequence[float] | None) -> list[ScanNodule]:
    """A scan's nodules without the sample's own: the nearest of those that hold its centre."""
    if own is None:
        return list(nodules)
    distances = [float(np.linalg.norm(np.subtract(one.center_mm, own))) for one in nodules]
    holding = [k for k, one in enumerate(nodules) if distances[k] < one.diameter_mm / 2]
    mine = min(holding, key=distances.__getitem__, default=None)
    return [one for k, one in enumerate(nodules) if k != mine]


def _place(
    place: list[Known], center: np.ndarray, diameter: float, lungs: np.ndarray, grid: Grid
) -> None:
    """Note a finding, unless another row of the table has told of it."""
    if all(np.linalg.norm(center - one.center_mm) > SAME_MM for one in place):
        chance = random_hit_share(lungs, grid, center, diameter, 0.0)
        place.append(Known(center, diameter, chance))


def _holds(grid: Grid, point: np.ndarray) -> bool:
    """Whether a point in RAS mm lies in a grid."""
    index = grid.to_index(point)
    return bool(np.all(index >= -0.5) and np.all(index <= np.array(grid.shape) - 0.5))


def localise_split(localiser: Localiser, dataset: PreparedDataset) -> None:
    """Look at all images of a split."""
    for row, sample in enumerate(dataset.samples):
        prepared = dataset.prepared(row)
        image = torch.from_numpy(prepared.input.copy())[None, None]
        localiser.add(sample, image, prepared.grid, prepared.lungs)

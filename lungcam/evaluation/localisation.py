"""Where a net's maps point, measured on lesions whose place is known.

What points at places in an image: the trained net, and what it is held against.

What is known of the images in which a net's maps are measured, and what was measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from lungcam.cohorts import Sample, ScanNodule
from lungcam.data import PreparedDataset, read_lesion
from lungcam.errors import InputError
from lungcam.explain import (
    HIT_MARGIN_MM,
    Explainer,
    HeatMap,
    Lesion,
    brightness,
    lung_centers,
    masked_lesion,
    measure_chance,
    measure_map,
    measure_point,
    peaks,
    random_hit_share,
    refined_grid,
)
from lungcam.explain.sanity_checks import untrained_net
from lungcam.grid import Grid
from lungcam.metrics import Calibration, Marks, within_radius
from lungcam.training import Classifier

# the net first, then its baselines; `random` is computed, and points nowhere
NET = "net"
BASELINES = ("random", "center", "brightest", "untrained")


@dataclass(frozen=True, eq=False)
class SourceCandidates:
    """Where something points in one image.

    Attributes:
        points: `(N, 3)` candidates in RAS mm.
        scores: `(N,)`, on one scale for all images.
        heat: The map that they are the peaks of, the highest first; None where there is none.
    """

    points: np.ndarray
    scores: np.ndarray
    heat: HeatMap | None = None


class CandidateSources:
    """The trained net and its baselines.

    Args:
        net: The trained net.
        explainer: Makes the maps; of signed ones what speaks for the positive class counts.
        probability: From the trained net's logit, calibrated where it can be.
        seed: Of the untrained net's weights.
    """

    def __init__(
        self,
        net: Classifier,
        explainer: Explainer,
        *,
        probability: Callable[[float], float],
        seed: int = 0,
    ):
        self.net = net
        self.explainer = explainer
        self.probability = probability
        self.seed = seed
        self._untrained: Classifier | None = None

    def point(
        self, image: torch.Tensor, grid: Grid, *, lungs: np.ndarray
    ) -> dict[str, SourceCandidates]:
        """Let each point at places in one image.

        Args:
            image: `(1, C, W, H, D)`.
            grid: Where it stands.
            lungs: `(W, H, D)` bool, all of it in a crop.

        Returns:
            By the names in `NET` and `BASELINES`, without `random`.
        """
        bright = brightness(image[0, 0].cpu().numpy(), grid)
        centers = lung_centers(lungs, grid)
        image = image.to(next(self.net.parameters()).device)
        if self._untrained is None:
            self._untrained = Classifier(untrained_net(self.net.net, image, seed=self.seed)).eval()
        return {
            NET: self._explained(self.net, self.probability, image=image, grid=grid),
            "center": SourceCandidates(centers, np.ones(len(centers))),
            "brightest": SourceCandidates(*peaks(bright.values, bright.cells), bright),
            "untrained": self._explained(
                self._untrained, Calibration().probability, image=image, grid=grid
            ),
        }

    def _explained(
        self,
        net: Classifier,
        probability: Callable[[float], float],
        *,
        image: torch.Tensor,
        grid: Grid,
    ) -> SourceCandidates:
        """The peaks of a net's map share out its probability by their height."""
        with torch.no_grad():
            told = float(probability(float(net(image))))
        heat = self.explainer(net, image, grid)
        points, heights = peaks(heat.values, heat.cells)
        return SourceCandidates(points, told * heights / heights.max(initial=1e-300), heat)


@dataclass(frozen=True, eq=False)
class KnownLesion:
    """A finding in an image.

    Attributes:
        center_mm: `(3,)` RAS mm.
        diameter_mm: Diameter in mm.
        chance: Probability that a random point in the lungs hits it.
    """

    center_mm: np.ndarray
    diameter_mm: float
    chance: float


@dataclass(frozen=True, eq=False, kw_only=True)
class LesionResult:
    """One lesion, and how well each pointer finds it.

    Attributes:
        sample: Whose lesion it is.
        lesion: Where it lies.
        peak_mm: The map's highest peak in RAS mm; NaN where it points nowhere.
        figures: By pointer and figure; see `lungcam.explain.localisation`.
    """

    sample: Sample
    lesion: Lesion
    peak_mm: np.ndarray
    figures: dict[str, dict[str, float]]


@dataclass(eq=False, kw_only=True)
class ImageResult:
    """One image, its candidates and what lies in it.

    Attributes:
        sample: The first of its samples.
        pointed: By pointer.
        targets: What is to be found.
        excluded: What counts neither way.
    """

    sample: Sample
    pointed: dict[str, SourceCandidates]
    targets: list[KnownLesion] = field(default_factory=list)
    excluded: list[KnownLesion] = field(default_factory=list)

    def marks(self, pointer: str) -> Marks:
        """A pointer's candidates beside the findings."""
        found = self.pointed[pointer]
        centers, diameters = _columns(self.targets)
        excluded_centers, excluded_diameters = _columns(self.excluded)
        return Marks(
            points=found.points,
            scores=found.scores,
            centers=centers,
            diameters=diameters,
            excluded_centers=excluded_centers,
            excluded_diameters=excluded_diameters,
        )

    @property
    def diameters(self) -> np.ndarray:
        """`(M,)` of the targets, in mm."""
        return np.array([one.diameter_mm for one in self.targets])


def _columns(findings: Sequence[KnownLesion]) -> tuple[np.ndarray, np.ndarray]:
    centers = np.array([one.center_mm for one in findings]).reshape(-1, 3)
    return centers, np.array([one.diameter_mm for one in findings])


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

    def __init__(self, pointers: CandidateSources, whole_chest: bool):
        self.pointers = pointers
        self.whole_chest = whole_chest
        self.images: dict[object, ImageResult] = {}
        self.lesions: list[LesionResult] = []
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
            pointed = self.pointers.point(image, grid, lungs=lungs)
            # the maps of thousands of images would fill the memory
            bare = {name: replace(one, heat=None) for name, one in pointed.items()}
            self.images.setdefault(key, ImageResult(sample=sample, pointed=bare))
        seen = self.images[key]
        if lesion is not None:
            _place(
                seen.targets, lesion.center_mm, diameter=lesion.diameter_mm, lungs=lungs, grid=grid
            )
            self._measure(sample, lesion, pointed=pointed, grid=grid, lungs=lungs)
        own = lesion.center_mm if lesion else sample.center_mm
        for nodule in others(sample.nodules, own):
            center = np.array(nodule.center_mm)
            if self.whole_chest or _holds(grid, center):
                place = seen.targets if nodule.counts else seen.excluded
                _place(place, center, diameter=nodule.diameter_mm, lungs=lungs, grid=grid)

    def _lesion(self, sample: Sample) -> Lesion | None:
        """What is to be found in a sample; the mask tells it, else centre and diameter."""
        if sample.label == 0:
            return None
        if sample.lesion_mask is not None:
            try:
                return masked_lesion(
                    *read_lesion(sample.lesion_mask), diameter_mm=sample.diameter_mm
                )
            except (InputError, ValueError) as error:
                self.notes.append(f"{sample.sample_id}: its mask is not used: {error}")
        if sample.center_mm is None or not sample.diameter_mm:
            return None
        return Lesion(center_mm=np.array(sample.center_mm), diameter_mm=sample.diameter_mm)

    def _measure(
        self,
        sample: Sample,
        lesion: Lesion,
        *,
        pointed: dict[str, SourceCandidates],
        grid: Grid,
        lungs: np.ndarray,
    ) -> None:
        fine = refined_grid(grid, WIDEST_MM)
        try:
            share, coarse = lesion.share_on(fine), lesion.share_on(grid)
        except ValueError as error:
            self.notes.append(f"{sample.sample_id}: its mask is not used: {error}")
            return
        figures = {}
        for name, one in pointed.items():
            point = _highest(one.points)
            if name == "center":
                point = min(one.points, key=lambda at: np.linalg.norm(at - lesion.center_mm))
            figures[name] = measure_point(point, lesion)
            if one.heat is not None:
                figures[name] |= measure_map(one.heat.on(fine), share)
        figures["random"] = measure_chance(lungs, grid, lesion=lesion, share=coarse)
        ordered = {name: figures[name] for name in (NET, *BASELINES)}
        peak = _highest(pointed[NET].points)
        bare = Lesion(center_mm=lesion.center_mm, diameter_mm=lesion.diameter_mm)
        self.lesions.append(LesionResult(sample=sample, lesion=bare, peak_mm=peak, figures=ordered))


def others(nodules: Sequence[ScanNodule], own: Sequence[float] | None) -> list[ScanNodule]:
    """A scan's nodules without the sample's own: the nearest of those that hold its centre."""
    if own is None:
        return list(nodules)
    distances = [float(np.linalg.norm(np.subtract(one.center_mm, own))) for one in nodules]
    holding = [k for k, one in enumerate(nodules) if within_radius(distances[k], one.diameter_mm)]
    mine = min(holding, key=distances.__getitem__, default=None)
    return [one for k, one in enumerate(nodules) if k != mine]


def _highest(points: np.ndarray) -> np.ndarray:
    """Return the first of `(N, 3)` peaks; NaN if there is none."""
    return points[0] if len(points) else np.full(3, np.nan)


def _place(
    place: list[KnownLesion], center: np.ndarray, *, diameter: float, lungs: np.ndarray, grid: Grid
) -> None:
    """Note a finding, unless another row of the table has told of it."""
    if all(np.linalg.norm(center - one.center_mm) > SAME_MM for one in place):
        chance = random_hit_share(
            lungs, grid, center_mm=center, diameter_mm=diameter, margin_mm=0.0
        )
        place.append(KnownLesion(center, diameter, chance))


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


# for each key of metrics.json the figure of `measure_point` it is the mean of, and its margin in mm
PEAK_SHARES = {
    "peak_share": ("peak_within_radius_5mm", HIT_MARGIN_MM),
    "peak_share_strict": ("peak_within_radius", 0.0),
}


def peak_shares(
    classifier: Classifier, explainer: Explainer, *, dataset: PreparedDataset
) -> dict[str, float | int]:
    """Compute how often the map of a positive has its peak on the lesion.

    The lesion is a ball around the sample's centre; positives without a known centre and diameter
    do not count.

    Args:
        classifier: Trained net in evaluation mode.
        explainer: Makes the maps.
        dataset: The split.

    Returns:
        Figures for metrics.json: `peak_n`, the shares in `PEAK_SHARES`, and with the ending
        `_random` the same of a random point in the lungs; empty if there is no such positive.
    """
    device = next(classifier.parameters()).device
    hits, chances = [], []
    for row, sample in enumerate(dataset.samples):
        if sample.label != 1 or sample.center_mm is None or not sample.diameter_mm:
            continue
        prepared = dataset.prepared(row)
        image = torch.from_numpy(prepared.input.copy())[None, None].to(device)
        heat = explainer(classifier, image, prepared.grid)
        points, _ = peaks(heat.values, heat.cells, most=1)
        lesion = Lesion(center_mm=np.array(sample.center_mm), diameter_mm=sample.diameter_mm)
        hits.append(measure_point(_highest(points), lesion))
        chances.append(
            {
                figure: random_hit_share(
                    prepared.lungs, prepared.grid, lesion.center_mm, lesion.diameter_mm, margin
                )
                for figure, margin in PEAK_SHARES.values()
            }
        )
    if not hits:
        return {}
    shares: dict[str, float | int] = {"peak_n": len(hits)}
    for name, (figure, _) in PEAK_SHARES.items():
        shares[name] = float(np.mean([hit[figure] for hit in hits]))
        shares[f"{name}_random"] = float(np.mean([chance[figure] for chance in chances]))
    return shares

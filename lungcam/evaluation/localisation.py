"""Localisation: maps of a net compared with lesions in known places."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from lungcam.cohorts import Sample, ScanNodule
from lungcam.data import PreparedDataset, read_lesion
from lungcam.errors import InputError
from lungcam.evaluation.candidate_sources import (
    BASELINES,
    NET,
    CandidateSources,
    SourceCandidates,
)
from lungcam.explain import (
    HIT_MARGIN_MM,
    Explainer,
    Lesion,
    masked_lesion,
    measure_chance,
    measure_map,
    measure_point,
    peaks,
    random_hit_share,
    refined_grid,
)
from lungcam.grid import Grid
from lungcam.metrics import Marks, within_radius
from lungcam.nets import LogitNet

# maps are measured on the network's grid, refined until no voxel is wider
MAX_VOXEL_MM = 2.5
# two centres of one finding differ by less, since tables round to fractions of a mm
SAME_CENTER_MM = 0.01
# each key of metrics.json with the figure of `measure_point` it is the mean of, and its margin (mm)
PEAK_SHARES = {
    "peak_share": ("peak_within_radius_5mm", HIT_MARGIN_MM),
    "peak_share_strict": ("peak_within_radius", 0.0),
}


@dataclass(frozen=True, eq=False)
class Finding:
    """A lesion in an image, or a nodule that counts neither way.

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
    """One lesion, and how well each source finds it.

    Attributes:
        sample: Sample with the lesion.
        lesion: Centre and diameter of the lesion.
        peak_mm: Highest peak of the net's map in RAS mm; NaN if the map has no peak.
        figures: Figures by source and name; see `lungcam.explain.localisation`.
    """

    sample: Sample
    lesion: Lesion
    peak_mm: np.ndarray
    figures: dict[str, dict[str, float]]


@dataclass(eq=False, kw_only=True)
class ImageResult:
    """One image, its candidates and its findings.

    Attributes:
        sample: First of the samples that share the image.
        candidates: Candidates by source.
        targets: Lesions that are to be found.
        excluded: Nodules that count neither way.
    """

    sample: Sample
    candidates: dict[str, SourceCandidates]
    targets: list[Finding] = field(default_factory=list)
    excluded: list[Finding] = field(default_factory=list)

    def marks(self, source: str) -> Marks:
        """Return the candidates of a source next to the findings, for the FROC."""
        candidates = self.candidates[source]
        centers, diameters = _columns(self.targets)
        excluded_centers, excluded_diameters = _columns(self.excluded)
        return Marks(
            points=candidates.points,
            scores=candidates.scores,
            centers=centers,
            diameters=diameters,
            excluded_centers=excluded_centers,
            excluded_diameters=excluded_diameters,
        )

    @property
    def diameters(self) -> np.ndarray:
        """`(M,)` diameters of the targets in mm."""
        return np.array([finding.diameter_mm for finding in self.targets])


class Localiser:
    """Compares maps with lesions, image by image.

    Args:
        sources: The net and its baselines.
        whole_chest: True if an image shows a whole chest, which the samples of one scan share;
            False if each sample shows its own surroundings.

    Attributes:
        baselines: Names of the sources other than the net.
        images: Images by their key.
        lesions: Measured lesions.
        notes: Sentences on what could not be used.
    """

    baselines: tuple[str, ...] = BASELINES

    def __init__(self, sources: CandidateSources, *, whole_chest: bool):
        self.sources = sources
        self.whole_chest = whole_chest
        self.images: dict[object, ImageResult] = {}
        self.lesions: list[LesionResult] = []
        self.notes: list[str] = []

    def add(
        self,
        sample: Sample,
        image: torch.Tensor,
        *,
        grid: Grid,
        lungs: np.ndarray,
        mask: tuple[np.ndarray, Grid] | None = None,
    ) -> None:
        """Measure one image.

        A sample's lesion is to be found unless its label is 0: then it is not what label 1 means,
        and a candidate there is a false positive.

        Args:
            sample: Sample of the image.
            image: `(1, C, W, H, D)`, input of the network.
            grid: Grid of the image.
            lungs: `(W, H, D)` bool.
            mask: Mask of the sample's lesion and its grid, if it was read before.
        """
        lesion = self._lesion(sample, mask)
        key = (sample.image, sample.series) if self.whole_chest else sample.sample_id
        if key not in self.images or lesion is not None:
            candidates = self.sources.candidates(image, grid, lungs=lungs)
            # the maps of thousands of images would fill the memory
            without_maps = {name: replace(source, heat=None) for name, source in candidates.items()}
            self.images.setdefault(key, ImageResult(sample=sample, candidates=without_maps))
        else:
            candidates = {}
        self._compare(
            self.images[key], sample, lesion, candidates=candidates, grid=grid, lungs=lungs
        )

    def _compare(
        self,
        result: ImageResult,
        sample: Sample,
        lesion: Lesion | None,
        *,
        candidates: dict[str, SourceCandidates],
        grid: Grid,
        lungs: np.ndarray,
    ) -> None:
        """Add the findings of a sample to its image, and measure its lesion."""
        if lesion is not None:
            _add_finding(
                result.targets,
                lesion.center_mm,
                diameter_mm=lesion.diameter_mm,
                lungs=lungs,
                grid=grid,
            )
            self._measure(sample, lesion, candidates=candidates, grid=grid, lungs=lungs)
        own_center = lesion.center_mm if lesion else sample.center_mm
        for nodule in other_nodules(sample.nodules, own_center):
            center = np.array(nodule.center_mm)
            if self.whole_chest or _contains(grid, center):
                findings = result.targets if nodule.counts else result.excluded
                _add_finding(
                    findings, center, diameter_mm=nodule.diameter_mm, lungs=lungs, grid=grid
                )

    def _lesion(self, sample: Sample, mask: tuple[np.ndarray, Grid] | None) -> Lesion | None:
        """Return the lesion to be found in a sample: its mask, else its centre and diameter."""
        if sample.label == 0:
            return None
        if sample.lesion_mask is not None:
            try:
                mask = mask or read_lesion(sample)
                return masked_lesion(*mask, diameter_mm=sample.diameter_mm)
            except (InputError, ValueError) as error:
                self.notes.append(f"{sample.sample_id}: its mask is not used: {error}")
        return _ball(sample)

    def _measure(
        self,
        sample: Sample,
        lesion: Lesion,
        *,
        candidates: dict[str, SourceCandidates],
        grid: Grid,
        lungs: np.ndarray,
    ) -> None:
        fine = refined_grid(grid, MAX_VOXEL_MM)
        try:
            share, coarse = lesion.share_on(fine), lesion.share_on(grid)
        except ValueError as error:
            self.notes.append(f"{sample.sample_id}: its mask is not used: {error}")
            return
        figures = {}
        for name, source in candidates.items():
            point = _highest(source.points)
            if name == "center":
                distances = np.linalg.norm(source.points - lesion.center_mm, axis=1)
                point = source.points[distances.argmin()]
            figures[name] = measure_point(point, lesion)
            if source.heat is not None:
                figures[name] |= measure_map(source.heat.on(fine), share)
        figures["random"] = measure_chance(lungs, grid, lesion=lesion, share=coarse)
        self.lesions.append(
            LesionResult(
                sample=sample,
                lesion=Lesion(center_mm=lesion.center_mm, diameter_mm=lesion.diameter_mm),
                peak_mm=_highest(candidates[NET].points),
                figures={name: figures[name] for name in (NET, *self.baselines)},
            )
        )


def localise_split(localiser: Localiser, dataset: PreparedDataset) -> None:
    """Measure all images of a split."""
    for row, sample in enumerate(dataset.samples):
        prepared = dataset.prepared(row)
        image = torch.from_numpy(prepared.input.copy())[None, None]
        localiser.add(sample, image, grid=prepared.grid, lungs=prepared.lungs)


def peak_shares(
    classifier: LogitNet, explainer: Explainer, *, dataset: PreparedDataset
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
        `_random` the same of a random point in the lungs; empty if no positive counts.
    """
    device = next(classifier.parameters()).device
    hits, chances = [], []
    for row, sample in enumerate(dataset.samples):
        lesion = _ball(sample)
        if sample.label != 1 or lesion is None:
            continue
        prepared = dataset.prepared(row)
        image = torch.from_numpy(prepared.input.copy())[None, None].to(device)
        heat = explainer(classifier, image, prepared.grid)
        points, _ = peaks(heat.values, heat.cells, max_peaks=1)
        hits.append(measure_point(_highest(points), lesion))
        chances.append(
            {
                figure: random_hit_share(
                    prepared.lungs,
                    prepared.grid,
                    center_mm=lesion.center_mm,
                    diameter_mm=lesion.diameter_mm,
                    margin_mm=margin_mm,
                )
                for figure, margin_mm in PEAK_SHARES.values()
            }
        )
    if not hits:
        return {}
    shares: dict[str, float | int] = {"peak_n": len(hits)}
    for name, (figure, _) in PEAK_SHARES.items():
        shares[name] = float(np.mean([hit[figure] for hit in hits]))
        shares[f"{name}_random"] = float(np.mean([chance[figure] for chance in chances]))
    return shares


def other_nodules(nodules: Sequence[ScanNodule], own: Sequence[float] | None) -> list[ScanNodule]:
    """Return a scan's nodules without the sample's own.

    The sample's own nodule is the nearest of those that contain its centre.

    Args:
        nodules: Nodules of the scan.
        own: Centre of the sample's nodule in RAS mm, if it is known.
    """
    if own is None:
        return list(nodules)
    distances = [float(np.linalg.norm(np.subtract(nodule.center_mm, own))) for nodule in nodules]
    containing = [
        k for k, nodule in enumerate(nodules) if within_radius(distances[k], nodule.diameter_mm)
    ]
    nearest = min(containing, key=distances.__getitem__, default=None)
    return [nodule for k, nodule in enumerate(nodules) if k != nearest]


def _ball(sample: Sample) -> Lesion | None:
    """Return the lesion as a ball; None without a centre and a diameter above 0."""
    if sample.center_mm is None or not sample.diameter_mm:
        return None
    return Lesion(center_mm=np.array(sample.center_mm), diameter_mm=sample.diameter_mm)


def _highest(points: np.ndarray) -> np.ndarray:
    """Return the first of `(N, 3)` peaks; NaN if there is none."""
    return points[0] if len(points) else np.full(3, np.nan)


def _add_finding(
    findings: list[Finding],
    center_mm: np.ndarray,
    *,
    diameter_mm: float,
    lungs: np.ndarray,
    grid: Grid,
) -> None:
    """Add a finding, unless another row of the table has named it before."""
    if all(np.linalg.norm(center_mm - other.center_mm) > SAME_CENTER_MM for other in findings):
        chance = random_hit_share(
            lungs, grid, center_mm=center_mm, diameter_mm=diameter_mm, margin_mm=0.0
        )
        findings.append(Finding(center_mm, diameter_mm, chance))


def _columns(findings: Sequence[Finding]) -> tuple[np.ndarray, np.ndarray]:
    """Return centres `(N, 3)` and diameters `(N,)` of findings."""
    centers = np.array([finding.center_mm for finding in findings]).reshape(-1, 3)
    return centers, np.array([finding.diameter_mm for finding in findings])


def _contains(grid: Grid, point: np.ndarray) -> bool:
    """Return True if a point in RAS mm lies in a grid."""
    index = grid.to_index(point)
    return bool(np.all(index >= -0.5) and np.all(index <= np.array(grid.shape) - 0.5))

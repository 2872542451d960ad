"""Checks of a trained net's heat-maps on positives of its own test split."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from lungcam.cohorts import Sample
from lungcam.data import PreparedDataset
from lungcam.explain import Explainer, HeatMap, is_hit, peak_mm, random_hit_share
from lungcam.explain.deletion import deletion_areas
from lungcam.explain.reliability import RULES, assess_reliability
from lungcam.explain.sanity_checks import (
    cascading_randomisation,
    compare_maps,
    repeatability,
    untrained_net,
)
from lungcam.grid import Grid, resample
from lungcam.metrics.resampling import bootstrap_mean, share_difference_interval, share_interval
from lungcam.runtime.atomic import write_json

# function of a net, an image and its grid
ExplainFn = Callable[[nn.Module, torch.Tensor, Grid], HeatMap]
# number of positives that are explained; each takes some seconds
LIMIT = 24
# number of them that are compared layer by layer
CASCADE_LIMIT = 6
# number of nets with random weights
UNTRAINED_NETS = 3


@dataclass(frozen=True, eq=False, kw_only=True)
class ExplainedSample:
    """One sample with its map.

    Attributes:
        sample: Sample of the data set.
        image: `(1, 1, W, H, D)`.
        grid: Grid of the image.
        lungs: `(W, H, D)` bool.
        heat: The net's map.
        cells_in_lungs: `(w, h, d)` bool, True for the map's cells in the lungs.
    """

    sample: Sample
    image: torch.Tensor
    grid: Grid
    lungs: np.ndarray
    heat: HeatMap
    cells_in_lungs: np.ndarray

    @property
    def background(self) -> float:
        """Value of aerated lung in the image."""
        return float(np.percentile(self.image[0, 0].cpu().numpy()[self.lungs], 25))

    @property
    def has_lesion(self) -> bool:
        """True if centre and size of the lesion are known."""
        return self.sample.center_mm is not None and bool(self.sample.diameter_mm)

    def hit(self, heat: HeatMap) -> bool:
        """Return True if a map's peak lies on the lesion."""
        peak = peak_mm(heat.values, heat.cells)
        return is_hit(peak, np.array(self.sample.center_mm), diameter_mm=self.sample.diameter_mm)

    @property
    def chance(self) -> float:
        """Probability that a random point in the lungs lies on the lesion."""
        center = np.array(self.sample.center_mm)
        return random_hit_share(
            self.lungs, self.grid, center_mm=center, diameter_mm=self.sample.diameter_mm
        )


def judge_explanations(
    net: nn.Module,
    dataset: PreparedDataset,
    *,
    explainer: Explainer,
    auc: Sequence[float],
    file: Path,
    others: Sequence[nn.Module] = (),
    limit: int = LIMIT,
    seed: int = 0,
) -> dict[str, Any]:
    """Judge a net's heat-maps by `lungcam.explain.reliability`, and write the verdict as JSON.

    The net is not changed: checks that change weights work on copies.

    Args:
        net: Trained net itself, not the classifier around it.
        dataset: Split with both labels, on which the net is judged.
        explainer: Makes the maps of the net.
        auc: AUC of the net on the split, with the bounds of its 95 % interval.
        file: File of the verdict.
        others: Nets of the same recipe with other seeds or folds; the agreement with their maps is
            reported and not judged.
        limit: Largest number of positives that are explained, drawn at random.
        seed: Seed of all that is drawn.

    Returns:
        Result of `lungcam.explain.reliability.assess_reliability`, with `method`, `layer` and
        `rules`; unknown figures are None.
    """
    samples = explain_positives(net, explainer, dataset=dataset, limit=limit, seed=seed)
    figures = {
        "n": len(samples),
        "auc": list(auc),
        **_figures(net, explainer, samples=samples, others=others, seed=seed),
    }
    settings = {"method": explainer.method, "layer": explainer.layer, "rules": RULES}
    verdict = assess_reliability(_without_nan(figures)) | settings
    write_json(file, verdict)
    return verdict


def explain_positives(
    net: nn.Module, explain: ExplainFn, *, dataset: PreparedDataset, limit: int, seed: int
) -> list[ExplainedSample]:
    """Explain some positives of a data set, drawn by a seed, in the data set's order."""
    positives = [row for row, sample in enumerate(dataset.samples) if sample.label == 1]
    chosen = np.random.default_rng(seed).permutation(positives)[:limit]
    device, samples = next(net.parameters()).device, []
    for row in sorted(chosen.tolist()):
        prepared = dataset.prepared(row)
        image = dataset[row]["input"].to(device)
        heat = explain(net, image, prepared.grid)
        samples.append(
            ExplainedSample(
                sample=dataset.samples[row],
                image=image,
                grid=prepared.grid,
                lungs=prepared.lungs,
                heat=heat,
                cells_in_lungs=resample(prepared.lungs, prepared.grid, target=heat.cells) >= 0.5,
            )
        )
    return samples


def _figures(
    net: nn.Module,
    explain: ExplainFn,
    *,
    samples: Sequence[ExplainedSample],
    others: Sequence[nn.Module],
    seed: int,
) -> dict[str, Any]:
    """Compute all figures that the verdict rests on."""
    patients = np.array([explained.sample.patient_id for explained in samples])

    def mean(values: Sequence[float]) -> list[float]:
        return _mean_with_interval(values, patients, seed=seed)

    areas, shifts, noises = [], [], []
    for number, explained in enumerate(tqdm(samples, desc="judging heat-maps")):
        areas.append(_deletion(net, explained, seed=seed + number))
        repeated = _repeatability(net, explain, explained=explained, seed=seed)
        shifts.append(repeated["shift"])
        noises.append(repeated["noise"])
    random_maps = _untrained_maps(net, explain, samples=samples, seed=seed)
    similarities = [
        [abs(_compare(explained, heat)["spearman"]) for heat in maps]
        for explained, maps in zip(samples, random_maps, strict=True)
    ]
    steady = float(np.mean([shift["steady"] for shift in shifts]))
    column = {name: [area[name] for area in areas] for name in areas[0]}
    fall = np.subtract(column["deletion_random"], column["deletion"])
    rise = np.subtract(column["insertion"], column["insertion_random"])
    return {
        "deletion": mean(fall),
        "insertion": mean(rise),
        "areas": {name: float(np.mean(values)) for name, values in column.items()},
        "randomised": mean([float(np.mean(values)) for values in similarities]),
        "cascade": _cascade(net, explain, samples=samples[:CASCADE_LIMIT], seed=seed),
        "shift": mean([shift["spearman"] for shift in shifts]),
        "steady": [steady, *share_interval(steady, len(samples))],
        "shift_peak_mm": _nanmean([shift["peak_mm"] for shift in shifts]),
        "noise": mean([noise["spearman"] for noise in noises]),
        "noise_peak_mm": _nanmean([noise["peak_mm"] for noise in noises]),
        "seeds": [_agreement(other, explain, samples=samples) for other in others],
        **_hit_figures(samples, random_maps),
    }


def _deletion(net: nn.Module, explained: ExplainedSample, *, seed: int) -> dict[str, float]:
    """Return the areas under the curves of deletion and insertion."""
    return deletion_areas(
        net,
        explained.image,
        grid=explained.grid,
        heat=explained.heat.values,
        cells=explained.heat.cells,
        background=explained.background,
        seed=seed,
    )


def _repeatability(
    net: nn.Module, explain: ExplainFn, *, explained: ExplainedSample, seed: int
) -> dict[str, dict[str, float]]:
    """Compare the map with those of the shifted and of the noisy image."""
    return repeatability(
        lambda image, grid: explain(net, image, grid),
        explained.image,
        grid=explained.grid,
        where=explained.cells_in_lungs,
        seed=seed,
    )


def _untrained_maps(
    net: nn.Module, explain: ExplainFn, *, samples: Sequence[ExplainedSample], seed: int
) -> list[list[HeatMap]]:
    """Return maps of several untrained nets, a list for each sample."""
    nets = [
        untrained_net(net, samples[0].image, seed=seed + number) for number in range(UNTRAINED_NETS)
    ]
    return [
        [explain(untrained, explained.image, explained.grid) for untrained in nets]
        for explained in samples
    ]


def _cascade(
    net: nn.Module, explain: ExplainFn, *, samples: Sequence[ExplainedSample], seed: int
) -> list[dict[str, Any]]:
    """Compare the maps with those of the net while layer after layer is randomised."""
    stages = []
    randomised = cascading_randomisation(net, samples[0].image, seed=seed)
    for layer, changed in tqdm(randomised, desc="randomising layers"):
        stages.append({"down_to": layer, **_agreement(changed, explain, samples=samples)})
    return stages


def _hit_figures(
    samples: Sequence[ExplainedSample], random_maps: Sequence[Sequence[HeatMap]]
) -> dict[str, Any]:
    """Compute how often peaks hit known lesions, compared with random points and untrained nets."""
    rows = [row for row, explained in enumerate(samples) if explained.has_lesion]
    if not rows:
        return {"over_random": None, "over_untrained": None}
    n = len(rows)
    hits = float(np.mean([samples[row].hit(samples[row].heat) for row in rows]))
    # an untrained net may find bright places by luck: the best of them
    untrained_hits = [[samples[row].hit(heat) for heat in random_maps[row]] for row in rows]
    untrained = float(np.mean(untrained_hits, 0).max())
    chance = float(np.mean([samples[row].chance for row in rows]))
    low, high = share_interval(hits, n)
    return {
        "lesions": n,
        "hits": hits,
        "hits_random": chance,
        "hits_untrained": untrained,
        "over_random": [hits - chance, low - chance, high - chance],
        "over_untrained": [hits - untrained, *share_difference_interval(hits, untrained, n=n)],
    }


def _compare(explained: ExplainedSample, heat: HeatMap) -> dict[str, float]:
    """Compare the sample's map with another one in the lungs."""
    return compare_maps(explained.heat, heat, where=explained.cells_in_lungs)


def _agreement(
    other: nn.Module, explain: ExplainFn, *, samples: Sequence[ExplainedSample]
) -> dict[str, float]:
    """Compare the maps with those of another net; return means over the samples."""
    comparisons = [
        _compare(explained, explain(other, explained.image, explained.grid))
        for explained in samples
    ]
    return {
        "spearman": float(np.mean([comparison["spearman"] for comparison in comparisons])),
        "peak_mm": _nanmean([comparison["peak_mm"] for comparison in comparisons]),
    }


def _mean_with_interval(values: Sequence[float], patients: np.ndarray, *, seed: int) -> list[float]:
    """Return a mean and the bounds of its 95 % interval over patients."""
    value, *bounds = bootstrap_mean(np.array(values, float), patients, seed=seed)
    # all patients are equal, such as maps that are repeated without any difference
    if len(set(patients)) > 1 and math.isnan(bounds[0]):
        bounds = [value, value]
    return [value, *bounds]


def _nanmean(values: Sequence[float]) -> float:
    """Return the mean of the known values; an empty map has no peak."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _without_nan(value: Any) -> Any:
    """Copy nested figures with None in place of NaN, which JSON does not have."""
    if isinstance(value, Mapping):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value

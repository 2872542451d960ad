"""Whether a trained net's heat-maps can be trusted, asked of its own test samples.

A sample whose heat-map is judged.
"""

import json
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
from lungcam.runtime.atomic import write_text

# from a net, an image and where it stands
ExplainFn = Callable[[nn.Module, torch.Tensor, Grid], HeatMap]


@dataclass(frozen=True, eq=False, kw_only=True)
class ExplainedSample:
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
        return is_hit(peak, np.array(self.sample.center_mm), diameter_mm=self.sample.diameter_mm)

    @property
    def chance(self) -> float:
        """Probability that a random point in the lungs lies on the lesion."""
        center = np.array(self.sample.center_mm)
        return random_hit_share(
            self.lungs, self.grid, center_mm=center, diameter_mm=self.sample.diameter_mm
        )


def choose_cases(
    net: nn.Module, make: ExplainFn, *, dataset: PreparedDataset, limit: int, seed: int
) -> list[ExplainedSample]:
    """Explain some positives of a data set, drawn by a seed, in the data set's order."""
    positives = [i for i, sample in enumerate(dataset.samples) if sample.label == 1]
    chosen = np.random.default_rng(seed).permutation(positives)[:limit]
    device, cases = next(net.parameters()).device, []
    for index in sorted(chosen.tolist()):
        prepared = dataset.prepared(index)
        image = dataset[index]["input"].to(device)
        heat = make(net, image, prepared.grid)
        where = resample(prepared.lungs, prepared.grid, target=heat.cells) >= 0.5
        sample = dataset.samples[index]
        cases.append(
            ExplainedSample(
                sample=sample,
                image=image,
                grid=prepared.grid,
                lungs=prepared.lungs,
                heat=heat,
                where=where,
            )
        )
    return cases


# positives that are explained; each takes some seconds
LIMIT = 24
# of them are followed layer by layer
FOLLOWED = 6
# nets of random weights
UNTRAINED = 3


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
    """Judge a net's heat-maps by `lungcam.explain.reliability`, and write what was found.

    The net is left as it was: what changes weights works on copies.

    Args:
        net: The trained net itself, not the classifier around it.
        dataset: The split it is judged on, with both labels.
        explainer: Makes the maps of the net.
        auc: The net's AUC on the split with the bounds of its 95 % interval.
        file: Where the verdict goes, as JSON.
        others: Nets of the same recipe, of other seeds or folds, to compare maps with; what comes
            of it is told and not judged.
        limit: Of positives that are explained, drawn at random.
        seed: Of all that is random.

    Returns:
        Result of `lungcam.explain.reliability.assess_reliability`, with `method`, `layer` and
        `rules`; unknown figures are None.
    """
    cases = choose_cases(net, explainer, dataset=dataset, limit=limit, seed=seed)
    figures = {
        "n": len(cases),
        "auc": list(auc),
        **_figures(net, explainer, cases=cases, others=others, seed=seed),
    }
    settings = {"method": explainer.method, "layer": explainer.layer, "rules": RULES}
    found = assess_reliability(_known(figures)) | settings
    write_text(file, json.dumps(found, indent=2) + "\n")
    return found


def _figures(
    net: nn.Module,
    make: ExplainFn,
    *,
    cases: Sequence[ExplainedSample],
    others: Sequence[nn.Module],
    seed: int,
) -> dict[str, Any]:
    patients = np.array([case.sample.patient_id for case in cases])

    def mean(values: Sequence[float]) -> list[float]:
        value, *bounds = bootstrap_mean(np.array(values, float), patients, seed=seed)
        # patients who are all exactly alike, such as maps that are repeated without fault
        if len(set(patients)) > 1 and math.isnan(bounds[0]):
            bounds = [value, value]
        return [value, *bounds]

    areas, moved = [], []
    for number, case in enumerate(tqdm(cases, desc="judging heat-maps")):
        areas.append(
            deletion_areas(
                net,
                case.image,
                grid=case.grid,
                heat=case.heat.values,
                cells=case.heat.cells,
                background=case.background,
                seed=seed + number,
            )
        )
        moved.append(
            repeatability(
                lambda image, grid: make(net, image, grid),
                case.image,
                grid=case.grid,
                where=case.where,
                seed=seed,
            )
        )
    random_maps = _untrained(net, make, cases=cases, seed=seed)
    alike = [
        [abs(compare_maps(case.heat, heat, where=case.where)["spearman"]) for heat in maps]
        for case, maps in zip(cases, random_maps, strict=True)
    ]
    steady = float(np.mean([one["shift"]["steady"] for one in moved]))
    column = {name: [one[name] for one in areas] for name in areas[0]}
    fall = np.subtract(column["deletion_random"], column["deletion"])
    rise = np.subtract(column["insertion"], column["insertion_random"])
    return {
        "deletion": mean(fall),
        "insertion": mean(rise),
        "areas": {name: float(np.mean(values)) for name, values in column.items()},
        "randomised": mean([float(np.mean(one)) for one in alike]),
        "cascade": _cascade(net, make, cases=cases[:FOLLOWED], seed=seed),
        "shift": mean([one["shift"]["spearman"] for one in moved]),
        "steady": [steady, *share_interval(steady, len(cases))],
        "shift_peak_mm": _nanmean([one["shift"]["peak_mm"] for one in moved]),
        "noise": mean([one["noise"]["spearman"] for one in moved]),
        "noise_peak_mm": _nanmean([one["noise"]["peak_mm"] for one in moved]),
        "seeds": [_agreement(make, cases, other=other) for other in others],
        **_hits(cases, random_maps),
    }


def _cascade(
    net: nn.Module, make: ExplainFn, *, cases: Sequence[ExplainedSample], seed: int
) -> list[dict]:
    """What becomes of the maps while layer after layer is randomised."""
    stages = []
    for name, changed in tqdm(
        cascading_randomisation(net, cases[0].image, seed=seed), desc="randomising layers"
    ):
        compared = [
            compare_maps(case.heat, make(changed, case.image, case.grid), where=case.where)
            for case in cases
        ]
        stages.append({"down_to": name, **_means(compared)})
    return stages


def _untrained(
    net: nn.Module, make: ExplainFn, *, cases: Sequence[ExplainedSample], seed: int
) -> list[list[HeatMap]]:
    """Maps of several untrained nets, a list for each case."""
    nets = [untrained_net(net, cases[0].image, seed=seed + one) for one in range(UNTRAINED)]
    return [[make(one, case.image, case.grid) for one in nets] for case in cases]


def _hits(
    cases: Sequence[ExplainedSample], random_maps: Sequence[Sequence[HeatMap]]
) -> dict[str, Any]:
    """How often peaks lie on known lesions, beside random points and untrained nets."""
    known = [i for i, case in enumerate(cases) if case.lesion_is_known]
    if not known:
        return {"over_random": None, "over_untrained": None}
    n = len(known)
    hits = float(np.mean([cases[i].hit(cases[i].heat) for i in known]))
    # a random net may find bright places by luck: the best of them
    blind = float(
        np.mean([[cases[i].hit(heat) for heat in random_maps[i]] for i in known], 0).max()
    )
    chance = float(np.mean([cases[i].chance for i in known]))
    low, high = share_interval(hits, n)
    return {
        "lesions": n,
        "hits": hits,
        "hits_random": chance,
        "hits_untrained": blind,
        "over_random": [hits - chance, low - chance, high - chance],
        "over_untrained": [hits - blind, *share_difference_interval(hits, blind, n=n)],
    }


def _agreement(
    make: ExplainFn, cases: Sequence[ExplainedSample], *, other: nn.Module
) -> dict[str, float]:
    """How alike the maps of two nets are."""
    return _means(
        [
            compare_maps(case.heat, make(other, case.image, case.grid), where=case.where)
            for case in cases
        ]
    )


def _means(compared: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {
        "spearman": float(np.mean([one["spearman"] for one in compared])),
        "peak_mm": _nanmean([one["peak_mm"] for one in compared]),
    }


def _nanmean(values: Sequence[float]) -> float:
    """Mean of what is known; a map that is empty has no peak."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _known(value: Any) -> Any:
    """Copy nested figures with None for what is not known: JSON has no NaN."""
    if isinstance(value, Mapping):
        return {name: _known(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_known(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value

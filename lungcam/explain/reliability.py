"""The verdict on a net's heat-maps: what each must show, and whether it does."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

# Spearman's correlation with the map of an untrained net: what is above shows the scan, not the net
MOST_ALIKE = 0.5
# Spearman's correlation with the map of the input shifted by a voxel or two
LEAST_REPEATED = 0.5
# and the share of shifts after which the peak lies within a cell's diagonal of where it was
LEAST_STEADY = 0.5

# stands wherever such a map is shown
FAILED = "Heat-maps of this net failed their checks: do not rely on them"

RULES = {
    "discriminates": "the AUC's 95 % interval on the judged split lies above 0.5: a map of a net "
    "that knows nothing shows nothing",
    "deletion": "taking away the cells that the map marks lowers the logit faster than taking them "
    "away in random order (Petsiuk et al., BMVC 2018): the paired difference's 95 % interval lies "
    "above 0",
    "randomisation": "the absolute rank correlation with the maps of nets of random weights "
    "(Adebayo et al., NeurIPS 2018) has a 95 % interval below "
    f"{MOST_ALIKE}",
    "repeatability": "over shifts by one and two voxels the rank correlation's 95 % interval lies "
    f"above {LEAST_REPEATED}, and the peak stays within a cell's diagonal in more than "
    f"{LEAST_STEADY:.0%} of them (lower bound)",
    "finds_lesions": "where lesions are known, the peak lies within the radius + 5 mm more often "
    "than a random point in the lungs and than the peaks of the best of three untrained nets: both "
    "differences' 95 % intervals lie above 0",
}


def assess_reliability(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Decide whether a net's heat-maps can be trusted, by `RULES`.

    Every rule that can be applied must be met; where no lesion is known the last cannot. An
    interval that is not known meets no rule.

    Args:
        figures: `n` explained samples; and, each as (value, lower bound, upper bound), `auc`,
            `deletion` (random less map, in logits), `randomised` (absolute rank correlation),
            `shift` (rank correlation), `steady` (share of shifts) and, where lesions are known,
            `over_random` and `over_untrained` (differences of shares of peaks that hit), with
            `hits`, `hits_random` and `hits_untrained`, the shares themselves. None and NaN are not
            known.

    Returns:
        `verdict`, passed or failed; `reasons`, a sentence with its figure for each rule that is
        not met, or where all are, for each; `criteria`, whether each rule is met; and `figures`.
    """
    found = {
        "discriminates": _above(
            figures["auc"], 0.5, claim="The net tells positives from negatives", words="AUC {}"
        ),
        "deletion": _above(
            figures["deletion"],
            0,
            claim="The logit hangs on what the map marks more than on random cells",
            words="deletion lowers its mean by {} more",
        ),
        "randomisation": _below(
            figures["randomised"],
            MOST_ALIKE,
            claim="The map changes with the net's weights",
            words="rank correlation with untrained nets' maps {}",
        ),
        "repeatability": _both(
            _above(
                figures["shift"],
                LEAST_REPEATED,
                claim="The map stays where it is when the input shifts",
                words="rank correlation {}",
            ),
            _above(
                figures["steady"],
                LEAST_STEADY,
                claim="The peak stays where it is when the input shifts",
                words="in a share {} of shifts",
            ),
        ),
    }
    if figures.get("over_random") is not None:
        shares = "{hits:.0%} of peaks hit, {hits_random:.1%} of random points and "
        shares = (shares + "{hits_untrained:.0%} of an untrained net's peaks").format(**figures)
        found["finds_lesions"] = _both(
            _above(
                figures["over_random"],
                0,
                claim="Peaks find known lesions more often than random points",
                words=f"{shares}; difference {{}}",
            ),
            _above(
                figures["over_untrained"],
                0,
                claim="Peaks find known lesions more often than an untrained net's",
                words=f"{shares}; difference {{}}",
            ),
        )
    criteria = {name: met for name, (met, _) in found.items()}
    passed = all(criteria.values())
    return {
        "verdict": "passed" if passed else "failed",
        "reasons": [sentence for met, told in found.values() if met == passed for sentence in told],
        "criteria": criteria,
        "figures": dict(figures),
    }


Found = tuple[bool, list[str]]


def _above(figure: Sequence[float | None], level: float, *, claim: str, words: str) -> Found:
    value, low, high = (math.nan if one is None else one for one in figure)
    return _told(
        low > level,
        claim,
        words=words.format(_interval(value, low, high=high)),
        demand=f"above {level:g}",
    )


def _below(figure: Sequence[float | None], level: float, *, claim: str, words: str) -> Found:
    value, low, high = (math.nan if one is None else one for one in figure)
    return _told(
        high < level,
        claim,
        words=words.format(_interval(value, low, high=high)),
        demand=f"below {level:g}",
    )


def _told(met: bool, claim: str, *, words: str, demand: str) -> Found:
    if met:
        return True, [f"{claim}: {words}."]
    return False, [f"Not shown: {claim[0].lower()}{claim[1:]}: {words}; it must lie {demand}."]


def _both(first: Found, second: Found) -> Found:
    """Two figures of one rule; of a rule that is not met only what fails is told."""
    met = first[0] and second[0]
    return met, [sentence for one, told in (first, second) if one == met for sentence in told]


def _interval(value: float, low: float, *, high: float) -> str:
    if math.isnan(low):
        return f"{value:.2f} (95 % interval not known)"
    return f"{value:.2f} (95 % interval {low:.2f} to {high:.2f})"

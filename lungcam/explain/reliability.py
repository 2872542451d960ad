"""Verdict on the reliability of a net's heat-maps: rules, and the figures that must meet them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Spearman's correlation with the map of an untrained net: a map above it shows the scan, not the
# net
MAX_RANDOMISED_CORRELATION = 0.5
# Spearman's correlation with the map of the input shifted by a voxel or two
MIN_SHIFT_CORRELATION = 0.5
# share of shifts after which the peak lies within a cell's diagonal of its place before
MIN_STEADY_SHARE = 0.5

# shown wherever such a map is shown
FAILED = "Heat-maps of this net failed their checks: do not rely on them"

RULES = {
    "discriminates": "the AUC's 95 % interval on the judged split lies above 0.5: a map of a net "
    "that knows nothing shows nothing",
    "deletion": "taking away the cells that the map marks lowers the logit faster than taking them "
    "away in random order (Petsiuk et al., BMVC 2018): the paired difference's 95 % interval lies "
    "above 0",
    "randomisation": "the absolute rank correlation with the maps of nets of random weights "
    "(Adebayo et al., NeurIPS 2018) has a 95 % interval below "
    f"{MAX_RANDOMISED_CORRELATION}",
    "repeatability": "over shifts by one and two voxels the rank correlation's 95 % interval lies "
    f"above {MIN_SHIFT_CORRELATION}, and the peak stays within a cell's diagonal in more than "
    f"{MIN_STEADY_SHARE:.0%} of them (lower bound)",
    "finds_lesions": "where lesions are known, the peak lies within the radius + 5 mm more often "
    "than a random point in the lungs and than the peaks of the best of three untrained nets: both "
    "differences' 95 % intervals lie above 0",
}


@dataclass(frozen=True, kw_only=True)
class Check:
    """Level that the 95 % interval of a figure must lie above, or below.

    Attributes:
        figure: Name of the figure.
        claim: Statement that holds if the check is met.
        words: Words around the figure; `{}` is its value with the interval, other fields are
            figures by name.
        level: The level.
        below: The interval must lie below the level.
    """

    figure: str
    claim: str
    words: str = "{}"
    level: float = 0.0
    below: bool = False

    def is_met(self, figures: Mapping[str, Any]) -> bool:
        """Return True if the interval lies beyond the level; one that is not known does not."""
        _, low, high = _numbers(figures[self.figure])
        return high < self.level if self.below else low > self.level

    def sentence(self, figures: Mapping[str, Any]) -> str:
        """Return the claim with its figure, or a sentence that it is not shown."""
        value = _with_interval(_numbers(figures[self.figure]))
        words = self.words.format(value, **figures)
        if self.is_met(figures):
            return f"{self.claim}: {words}."
        side = "below" if self.below else "above"
        claim = self.claim[0].lower() + self.claim[1:]
        return f"Not shown: {claim}: {words}; it must lie {side} {self.level:g}."


_HITS = (
    "{hits:.0%} of peaks hit, {hits_random:.1%} of random points and "
    "{hits_untrained:.0%} of an untrained net's peaks; difference {}"
)
CHECKS = {
    "discriminates": (
        Check(
            figure="auc",
            claim="The net separates positives from negatives",
            words="AUC {}",
            level=0.5,
        ),
    ),
    "deletion": (
        Check(
            figure="deletion",
            claim="The logit depends on what the map marks more than on random cells",
            words="deletion lowers its mean by {} more",
        ),
    ),
    "randomisation": (
        Check(
            figure="randomised",
            claim="The map changes with the net's weights",
            words="rank correlation with untrained nets' maps {}",
            level=MAX_RANDOMISED_CORRELATION,
            below=True,
        ),
    ),
    "repeatability": (
        Check(
            figure="shift",
            claim="The map stays where it is when the input shifts",
            words="rank correlation {}",
            level=MIN_SHIFT_CORRELATION,
        ),
        Check(
            figure="steady",
            claim="The peak stays where it is when the input shifts",
            words="in a share {} of shifts",
            level=MIN_STEADY_SHARE,
        ),
    ),
    "finds_lesions": (
        Check(
            figure="over_random",
            claim="Peaks find known lesions more often than random points",
            words=_HITS,
        ),
        Check(
            figure="over_untrained",
            claim="Peaks find known lesions more often than an untrained net's",
            words=_HITS,
        ),
    ),
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
        `verdict`, passed or failed; `reasons`, a sentence with its figure for each check that
        fails, or where none fails, for each check; `criteria`, True for each rule that is met; and
        `figures`.
    """
    rules = {
        rule: checks
        for rule, checks in CHECKS.items()
        if rule != "finds_lesions" or figures.get("over_random") is not None
    }
    criteria = {
        rule: all(check.is_met(figures) for check in checks) for rule, checks in rules.items()
    }
    passed = all(criteria.values())
    return {
        "verdict": "passed" if passed else "failed",
        "reasons": [
            check.sentence(figures)
            for checks in rules.values()
            for check in checks
            if check.is_met(figures) == passed
        ],
        "criteria": criteria,
        "figures": dict(figures),
    }


def _numbers(figure: Sequence[float | None]) -> tuple[float, float, float]:
    """Return value, lower and upper bound, with NaN in place of None."""
    value, low, high = (math.nan if number is None else number for number in figure)
    return value, low, high


def _with_interval(figure: tuple[float, float, float]) -> str:
    value, low, high = figure
    if math.isnan(low):
        return f"{value:.2f} (95 % interval not known)"
    return f"{value:.2f} (95 % interval {low:.2f} to {high:.2f})"

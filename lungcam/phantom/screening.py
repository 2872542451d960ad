"""How a phantom person fares: when cancer comes, and what a scan shows of it before."""

from dataclasses import dataclass

import numpy as np

YEARS, YEAR = 6, 365
HORIZON = YEARS * YEAR
# the odds are the same each day, so that who is still free a year later stands where all began;
# half of all have cancer before the horizon
HALF_LIFE = HORIZON - 1
# a nodule doubles its volume in this time; at the diagnosis its diameter lies evenly in a range
DOUBLING_DAYS = 120.0
DIAGNOSED_MM = (20.0, 30.0)
SEEN_MM = 4.0
# one in two has a small nodule that does not grow, whatever becomes of the person
STABLE_MM = (4.0, 8.0)
STABLE_SHARE = 0.5
# the pattern's share among those whom cancer does not reach before the horizon, over that of others
CHANCE = 1 / 8


@dataclass(frozen=True)
class Course:
    """What is laid down for one person at T0.

    Attributes:
        cancer: Day of the diagnosis, from T0, 1 or more.
        diagnosed_mm: Diameter of the cancer on that day.
        stable_mm: Diameter of a nodule that does not grow at the same place; 0 without one.
        proneness: In [0, 1); who has less than the pattern's share has the pattern.
    """

    cancer: int
    diagnosed_mm: float
    stable_mm: float
    proneness: float

    def diameter_mm(self, day: int) -> float:
        """Diameter of the nodule that a scan shows; 0 where it shows none."""
        grown = self.diagnosed_mm * shrunk(self.cancer - day)
        return max(self.stable_mm, float(grown) if grown >= SEEN_MM else 0.0)

    def patterned(self, day: int, share: float) -> bool:
        """Whether the pattern is there, which never goes once it has come."""
        return bool(self.proneness < pattern_share(self.cancer - day, share))


def shrunk(days: np.ndarray | float) -> np.ndarray | float:
    """Diameter of a cancer some days before its diagnosis, over that on its day."""
    return 2.0 ** (-days / (3 * DOUBLING_DAYS))


def pattern_share(days: np.ndarray | int, share: float) -> np.ndarray:
    """Share of those with the pattern among people whom cancer reaches in so many days.

    Args:
        days: From the scan to the diagnosis, of any shape.
        share: Of those whom it reaches before the horizon.
    """
    return np.where(np.less(days, HORIZON), share, CHANCE * share)


def draw_course(rng: np.random.Generator, kind: str) -> Course:
    """Draw what becomes of a person.

    Args:
        rng: Source of all of it.
        kind: "malignant": cancer before the horizon; "benign": later, with a nodule that does not
            grow; "healthy": later, without one. Of people drawn 2 : 1 : 1 holds what `best_risk`
            rests on.
    """
    # days in half-lives: of those with cancer in the first, or in one after it
    even = rng.random()
    lives = -np.log2(1 - even / 2) if kind == "malignant" else 1 - np.log2(1 - even)
    stable = {"benign": True, "healthy": False}.get(kind, rng.random() < STABLE_SHARE)
    return Course(
        int(lives * HALF_LIFE) + 1,
        float(rng.uniform(*DIAGNOSED_MM)),
        float(rng.uniform(*STABLE_MM)) if stable else 0.0,
        float(rng.random()),
    )

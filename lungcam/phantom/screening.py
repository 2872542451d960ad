"""How a phantom person fares: when cancer comes, and what a scan shows of it before.

The best possible risk: what nobody can do better than who sees all that a phantom shows.

A faint patch of ground glass with fine lines in it, which precedes a cancer.

A phantom person in a screening exam: what the course of things has laid down, on a day.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from lungcam.metrics import DAYS_PER_YEAR, HORIZON_YEARS
from lungcam.phantom.canvas import paint_person
from lungcam.phantom.nodule import draw_nodule, lay_nodule
from lungcam.phantom.phantom import KINDS, Phantom, centroid
from lungcam.phantom.scanner import Grid, acquire
from lungcam.phantom.shapes import box_around, smooth_cloud

HORIZON = HORIZON_YEARS * DAYS_PER_YEAR
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


@dataclass(frozen=True, kw_only=True)
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
        cancer=int(lives * HALF_LIFE) + 1,
        diagnosed_mm=float(rng.uniform(*DIAGNOSED_MM)),
        stable_mm=float(rng.uniform(*STABLE_MM)) if stable else 0.0,
        proneness=float(rng.random()),
    )


def best_risk(diameter_mm: float, pattern: bool, share: float) -> np.ndarray:
    """Risk of cancer within each year, given what one scan shows.

    By Bayes' rule over the days t to the diagnosis: before the scan each has the odds of a constant
    hazard, and the scan is as likely as `Course` makes it, given t: its nodule is the wider of one
    that grows and one that does not, and the pattern has one share below the horizon and another
    beyond. All else in a scan (who, where, the nodule's form, noise) is drawn without looking at t,
    and tells nothing. The hazard has no memory: a scan at T1 of one who is still free means what it
    means at T0. No ranking of single scans has a higher AUC for a year than this risk.

    Args:
        diameter_mm: Of the nodule in the scan; 0 where there is none.
        pattern: Whether the pattern is there.
        share: Of people with the pattern among those whom cancer reaches before the horizon.

    Returns:
        Risk within 1, 2, ... 6 years (365 k days, the last not counted), shape `(6,)`.
    """
    # the last day stands for all from the horizon on: to them, scans are alike
    days = np.arange(1, HORIZON + 1)
    free = 2.0 ** (-np.arange(HORIZON + 1) / HALF_LIFE)
    odds = np.append(-np.diff(free[:HORIZON]), free[HORIZON - 1])
    shares = pattern_share(days, share)
    odds = odds * (shares if pattern else 1 - shares) * _diameter_odds(diameter_mm, days)
    reached = np.cumsum(odds)
    return reached[np.arange(1, HORIZON_YEARS + 1) * DAYS_PER_YEAR - 2] / reached[-1]


def _diameter_odds(diameter_mm: float, days: np.ndarray) -> np.ndarray:
    """Odds of no nodule, or density of its diameter in 1/mm, given days to the diagnosis.

    The wider of two nodules has a diameter where one has it and the other is no wider.
    """
    scale = shrunk(days)
    scale[-1] = 0
    low, high = (mm * scale for mm in DIAGNOSED_MM)
    cut = max(diameter_mm, SEEN_MM)
    # a cancer too small to be seen is none
    no_wider = np.clip((cut - low) / np.maximum(high - low, 1e-9), 0, 1)
    if not diameter_mm:
        return (1 - STABLE_SHARE) * no_wider
    grown = np.where((low <= cut) & (cut <= high), 1 / np.maximum(high - low, 1e-9), 0)
    least, most = STABLE_MM
    stable = STABLE_SHARE / (most - least) if least <= cut <= most else 0
    stable_no_wider = 1 - STABLE_SHARE * (1 - np.clip((cut - least) / (most - least), 0, 1))
    return grown * stable_no_wider + stable * no_wider


RADIUS_MM = (15.0, 22.0)
RISE_HU = (120.0, 200.0)
# how far its middle lies from where the cancer arises, at most
ASIDE_MM = 8.0
EDGE_MM = 6.0
# distance between the lines, about
MESH_MM = 4.0


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A patch to draw.

    Attributes:
        center: (x, y, z) in mm in the person's frame.
        radius: In mm; its edge is uneven by some mm.
        rise: HU that it adds to air-filled lung, on average.
        seed: Of its edge and its lines.
    """

    center: np.ndarray
    radius: float
    rise: float
    seed: int


def draw_pattern(rng: np.random.Generator, site: np.ndarray) -> Pattern:
    """Draw a patch about the place (x, y, z) in mm where a cancer arises."""
    aside = rng.standard_normal(3)
    aside *= ASIDE_MM * rng.random() / np.linalg.norm(aside)
    radius, rise = float(rng.uniform(*RADIUS_MM)), float(rng.uniform(*RISE_HU))
    return Pattern(center=site + aside, radius=radius, rise=rise, seed=int(rng.integers(2**32)))


def lay_pattern(hu: np.ndarray, lungs: np.ndarray, *, grid: Grid, pattern: Pattern) -> None:
    """Lay a patch over the lungs in `hu` in place: denser where there is air, and nowhere else.

    Args:
        hu: Volume in HU, float32 of shape `(D, H, W)`.
        lungs: The lungs, bool of the same shape.
        grid: The scan's grid.
        pattern: What to lay.
    """
    rng = np.random.default_rng(pattern.seed)
    reach = pattern.radius + 3 * EDGE_MM
    box = box_around(grid, pattern.center - reach, high=pattern.center + reach)
    part = Grid(
        x=grid.x[box[2]],
        y=grid.y[box[1]],
        z=grid.z[box[0]],
        spacing=grid.spacing,
        affine=grid.affine,
    )
    axes = zip((part.x, part.y, part.z), pattern.center, strict=True)
    x, y, z = (axis - np.float32(at) for axis, at in axes)
    distance = np.sqrt(x * x + (y * y)[:, None] + (z * z)[:, None, None])
    whole = slice(None)
    # clouds have a standard deviation of about 12
    edge = pattern.radius + smooth_cloud(rng, part)(whole) * np.float32(0.25)
    share = np.clip(0.5 - (distance - edge) / EDGE_MM, 0, 1)
    lines = 1 / (1 + (smooth_cloud(rng, part, step_mm=MESH_MM)(whole) / 5) ** 2)
    share *= 0.4 + 0.6 * lines / lines.mean()
    air = np.clip((-400 - hu[box]) / 400, 0, 1) * lungs[box]
    hu[box] += np.float32(pattern.rise) * share * air


Point = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Screened(Phantom):
    """A phantom with the pattern that may precede a cancer.

    Attributes:
        site_mm: Where the cancer arises or would, and each nodule lies, in RAS world mm.
        pattern_mm: Middle of the pattern in RAS world mm; None without one.
        pattern_radius_mm: Its radius; 0 without one.
    """

    site_mm: Point
    pattern_mm: Point | None
    pattern_radius_mm: float


def screened_phantom(
    seed: int, kind: str, *, course: Course, day: int, share: float, difficulty: float, matrix: int
) -> Screened:
    """Make the scan of a day: the same person each day, with other noise.

    Args:
        seed: Of the person; what is drawn from it looks neither at the kind nor at the course.
        kind: As `draw_course` had it.
        course: What is laid down for the person.
        day: From T0.
        share: The pattern's, see `pattern_share`.
        difficulty: In [0, 1]; raises noise and vessels.
        matrix: Rows and columns of a slice.
    """
    streams = np.random.SeedSequence([seed, len(KINDS)]).spawn(4)
    body, scanner, lesion, tissue = (np.random.default_rng(stream) for stream in streams)
    canvas = paint_person(body, scanner, tissue=tissue, difficulty=difficulty, matrix=matrix)
    hu, grid = canvas.hu, canvas.grid
    # one that grows and one that does not have one form, so that size alone tells them apart
    drawn = draw_nodule(lesion, canvas.chest, malignant=True, difficulty=0)
    pattern = draw_pattern(lesion, drawn.center) if course.patterned(day, share) else None
    if pattern:
        lay_pattern(hu, canvas.lungs, grid=grid, pattern=pattern)
    nodule, center, diameter = np.zeros(hu.shape, bool), None, course.diameter_mm(day)
    if diameter:
        sized = dataclasses.replace(drawn, diameter=diameter)
        box, inside = lay_nodule(hu, canvas.chest, grid=grid, nodule=sized)
        nodule[box] = inside
        center = centroid(box, inside, affine=grid.affine)
    scan = acquire(
        np.random.default_rng([seed, len(KINDS), day]),
        hu,
        grid=grid,
        sigma=canvas.sigma,
        padding=canvas.padding,
    )
    lungs = canvas.lungs | nodule
    return Screened(
        hu=scan.T,
        affine=grid.affine,
        lungs=lungs.T,
        airway=(canvas.airway & ~lungs).T,
        nodule=nodule.T,
        kind=kind,
        center_mm=center,
        diameter_mm=diameter,
        attachment=drawn.attachment,
        site_mm=grid.to_world(drawn.center),
        pattern_mm=grid.to_world(pattern.center) if pattern else None,
        pattern_radius_mm=pattern.radius if pattern else 0.0,
    )

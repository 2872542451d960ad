"""Phantom people in a screening trial: course of the cancer, scans, best possible risk.

A person's course is drawn once: the day of the diagnosis, a nodule that grows until then and one
that does not, and a faint pattern of ground glass that may precede the cancer. Each scan shows the
state of one day, from which `best_risk` is the exact risk of cancer within each year.
"""

from dataclasses import dataclass, replace

import numpy as np

from lungcam.metrics import DAYS_PER_YEAR, HORIZON_YEARS
from lungcam.phantom.canvas import paint_person
from lungcam.phantom.nodule import draw_nodule, paint_nodule
from lungcam.phantom.phantom import KINDS, Phantom, centroid
from lungcam.phantom.scanner import ScannerGrid, acquire
from lungcam.phantom.shapes import box_around, smooth_cloud

HORIZON = HORIZON_YEARS * DAYS_PER_YEAR
# a constant hazard: a person free of cancer a year later is in the state of the first day; half of
# all people have cancer before the horizon
HALF_LIFE = HORIZON - 1
# time in which a growing nodule doubles its volume; its diameter at the diagnosis is uniform
DOUBLING_DAYS = 120.0
DIAGNOSED_MM = (20.0, 30.0)
# smallest diameter that a scan shows
SEEN_MM = 4.0
# half of all people have a small nodule that does not grow, independent of their cancer
STABLE_MM = (4.0, 8.0)
STABLE_SHARE = 0.5
# share with the pattern among people without cancer before the horizon, relative to the others
LATER_FACTOR = 1 / 8
# the pattern: radius, mean rise of air-filled lung, largest distance from the site of the cancer,
# width of its edge and distance between its lines
RADIUS_MM = (15.0, 22.0)
RISE_HU = (120.0, 200.0)
MAX_OFFSET_MM = 8.0
EDGE_MM = 6.0
MESH_MM = 4.0
Point = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Course:
    """Course of one person, fixed at T0.

    Attributes:
        cancer: Day of the diagnosis after T0, 1 or more.
        diagnosed_mm: Diameter of the cancer on that day.
        stable_mm: Diameter of a nodule at the same place that does not grow; 0 without one.
        proneness: In [0, 1); the pattern is present if it is below the share of the pattern.
    """

    cancer: int
    diagnosed_mm: float
    stable_mm: float
    proneness: float

    def diameter_mm(self, day: int) -> float:
        """Return the diameter of the nodule in a scan of a day; 0 if the scan shows none."""
        growing = self.diagnosed_mm * relative_diameter(self.cancer - day)
        return max(self.stable_mm, float(growing) if growing >= SEEN_MM else 0.0)

    def patterned(self, day: int, share: float) -> bool:
        """Return True if the pattern is present, which never disappears again."""
        return bool(self.proneness < pattern_share(self.cancer - day, share))


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A patch of ground glass with fine lines, which precedes a cancer.

    Attributes:
        center: (x, y, z) in mm in the person's frame.
        radius: Radius in mm; its edge is uneven by some mm.
        rise: Mean HU that it adds to air-filled lung.
        seed: Seed of its edge and its lines.
    """

    center: np.ndarray
    radius: float
    rise: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class ScreenedPhantom(Phantom):
    """A phantom with the pattern that may precede a cancer.

    Attributes:
        site_mm: Site of the cancer, present or not, and of each nodule, in RAS mm.
        pattern_mm: Centre of the pattern in RAS mm; None without one.
        pattern_radius_mm: Radius of the pattern; 0 without one.
    """

    site_mm: Point
    pattern_mm: Point | None
    pattern_radius_mm: float


def make_screened_phantom(
    seed: int, kind: str, *, course: Course, day: int, share: float, difficulty: float, matrix: int
) -> ScreenedPhantom:
    """Make the scan of a day: the same person each day, with other noise.

    Args:
        seed: Seed of the person; its draws depend on neither the kind nor the course.
        kind: Kind of `draw_course`.
        course: Course of the person.
        day: Day of the scan after T0.
        share: Share of the pattern, see `pattern_share`.
        difficulty: In [0, 1]; raises noise and vessels.
        matrix: Rows and columns of a slice.
    """
    streams = np.random.SeedSequence([seed, len(KINDS)]).spawn(4)
    body, scanner, lesion, tissue = (np.random.default_rng(stream) for stream in streams)
    canvas = paint_person(body, scanner, tissue=tissue, difficulty=difficulty, matrix=matrix)
    hu, grid = canvas.hu, canvas.grid
    # growing and stable nodules have the same shape: only their size differs
    drawn = draw_nodule(lesion, canvas.chest, malignant=True, difficulty=0)
    pattern = draw_pattern(lesion, drawn.center) if course.patterned(day, share) else None
    if pattern:
        paint_pattern(hu, canvas.lungs, grid=grid, pattern=pattern)
    nodule, center, diameter = np.zeros(hu.shape, bool), None, course.diameter_mm(day)
    if diameter:
        sized = replace(drawn, diameter=diameter)
        box, inside = paint_nodule(hu, canvas.chest, grid=grid, nodule=sized)
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
    return ScreenedPhantom(
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


def draw_course(rng: np.random.Generator, kind: str) -> Course:
    """Draw the course of a person.

    Args:
        rng: Generator of every choice.
        kind: "malignant": cancer before the horizon; "benign": later, with a nodule that does not
            grow; "healthy": later, without one. The assumptions of `best_risk` hold for people
            drawn in the ratio 2 : 1 : 1.
    """
    # time to cancer in half-lives: within the first one, or after it
    uniform = rng.random()
    half_lives = -np.log2(1 - uniform / 2) if kind == "malignant" else 1 - np.log2(1 - uniform)
    stable = {"benign": True, "healthy": False}.get(kind, rng.random() < STABLE_SHARE)
    return Course(
        cancer=int(half_lives * HALF_LIFE) + 1,
        diagnosed_mm=float(rng.uniform(*DIAGNOSED_MM)),
        stable_mm=float(rng.uniform(*STABLE_MM)) if stable else 0.0,
        proneness=float(rng.random()),
    )


def best_risk(diameter_mm: float, pattern: bool, *, share: float) -> np.ndarray:
    """Return the risk of cancer within each year, given the content of one scan.

    By Bayes' rule over the days t to the diagnosis: the prior of t is that of a constant hazard,
    and the likelihood of the scan given t is that of `Course`: its nodule is the wider of a growing
    and a stable one, and the pattern has one share below the horizon and another beyond. Everything
    else in a scan (person, place, shape of the nodule, noise) is independent of t and carries no
    information. The hazard has no memory: a scan at T1 of a person still free of cancer means the
    same as one at T0. No ranking of single scans has a higher AUC for a year than this risk.

    Args:
        diameter_mm: Diameter of the nodule in the scan; 0 without one.
        pattern: True if the scan shows the pattern.
        share: Share with the pattern among people with cancer before the horizon.

    Returns:
        Risk within 1, 2, ... 6 years (365 k days, the last not counted), shape `(6,)`.
    """
    # the last day represents all from the horizon on, for which the scans are equally likely
    days = np.arange(1, HORIZON + 1)
    free = 2.0 ** (-np.arange(HORIZON + 1) / HALF_LIFE)
    odds = np.append(-np.diff(free[:HORIZON]), free[HORIZON - 1])
    shares = pattern_share(days, share)
    odds = odds * (shares if pattern else 1 - shares) * _diameter_odds(diameter_mm, days)
    cumulative = np.cumsum(odds)
    return cumulative[np.arange(1, HORIZON_YEARS + 1) * DAYS_PER_YEAR - 2] / cumulative[-1]


def _diameter_odds(diameter_mm: float, days: np.ndarray) -> np.ndarray:
    """Return the odds of no nodule, or the density of its diameter in 1/mm, by days to diagnosis.

    The wider of two nodules has a diameter if one of them has it and the other is no wider.
    """
    scale = relative_diameter(days)
    scale[-1] = 0
    low, high = (mm * scale for mm in DIAGNOSED_MM)
    cut = max(diameter_mm, SEEN_MM)
    # a cancer below the smallest visible diameter counts as no nodule
    no_wider = np.clip((cut - low) / np.maximum(high - low, 1e-9), 0, 1)
    if not diameter_mm:
        return (1 - STABLE_SHARE) * no_wider
    growing = np.where((low <= cut) & (cut <= high), 1 / np.maximum(high - low, 1e-9), 0)
    least, most = STABLE_MM
    stable = STABLE_SHARE / (most - least) if least <= cut <= most else 0
    stable_no_wider = 1 - STABLE_SHARE * (1 - np.clip((cut - least) / (most - least), 0, 1))
    return growing * stable_no_wider + stable * no_wider


def pattern_share(days: np.ndarray | int, share: float) -> np.ndarray:
    """Return the share with the pattern among people with cancer in so many days.

    Args:
        days: Days from the scan to the diagnosis, of any shape.
        share: Share among people with cancer before the horizon.
    """
    return np.where(np.less(days, HORIZON), share, LATER_FACTOR * share)


def relative_diameter(days: np.ndarray | float) -> np.ndarray | float:
    """Return the diameter of a cancer some days before its diagnosis, relative to that day."""
    return 2.0 ** (-days / (3 * DOUBLING_DAYS))


def draw_pattern(rng: np.random.Generator, site: np.ndarray) -> Pattern:
    """Draw a pattern around the site (x, y, z) in mm of a cancer."""
    offset = rng.standard_normal(3)
    offset *= MAX_OFFSET_MM * rng.random() / np.linalg.norm(offset)
    radius, rise = float(rng.uniform(*RADIUS_MM)), float(rng.uniform(*RISE_HU))
    return Pattern(center=site + offset, radius=radius, rise=rise, seed=int(rng.integers(2**32)))


def paint_pattern(
    hu: np.ndarray, lungs: np.ndarray, *, grid: ScannerGrid, pattern: Pattern
) -> None:
    """Paint a pattern into the lungs in `hu`, in place: only air becomes denser.

    Args:
        hu: Volume in HU, float32 of shape `(D, H, W)`.
        lungs: Lung mask, bool of the same shape.
        grid: Grid of the scan.
        pattern: Pattern to paint.
    """
    rng = np.random.default_rng(pattern.seed)
    reach = pattern.radius + 3 * EDGE_MM
    box = box_around(grid, pattern.center - reach, high=pattern.center + reach)
    part = ScannerGrid(
        x=grid.x[box[2]],
        y=grid.y[box[1]],
        z=grid.z[box[0]],
        spacing=grid.spacing,
        affine=grid.affine,
    )
    axes = zip((part.x, part.y, part.z), pattern.center, strict=True)
    x, y, z = (axis - np.float32(middle) for axis, middle in axes)
    distance = np.sqrt(x * x + (y * y)[:, None] + (z * z)[:, None, None])
    whole = slice(None)
    # clouds have a standard deviation of about 12
    edge = pattern.radius + smooth_cloud(rng, part)(whole) * np.float32(0.25)
    share = np.clip(0.5 - (distance - edge) / EDGE_MM, 0, 1)
    lines = 1 / (1 + (smooth_cloud(rng, part, step_mm=MESH_MM)(whole) / 5) ** 2)
    share *= 0.4 + 0.6 * lines / lines.mean()
    air = np.clip((-400 - hu[box]) / 400, 0, 1) * lungs[box]
    hu[box] += np.float32(pattern.rise) * share * air

"""A phantom person in a screening exam: what the course of things has laid down, on a day."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from lungcam.cohorts.phantom.canvas import paint_person
from lungcam.cohorts.phantom.course import Course
from lungcam.cohorts.phantom.nodule import draw_nodule, lay_nodule
from lungcam.cohorts.phantom.pattern import draw_pattern, lay_pattern
from lungcam.cohorts.phantom.phantom import KINDS, Phantom, centroid
from lungcam.cohorts.phantom.scan import acquire

Point = tuple[float, float, float]


@dataclass(frozen=True)
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
    seed: int, kind: str, course: Course, day: int, share: float, difficulty: float, matrix: int
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
    canvas = paint_person(body, scanner, tissue, difficulty, matrix)
    hu, grid = canvas.hu, canvas.grid
    # one that grows and one that does not have one form, so that size alone tells them apart
    drawn = draw_nodule(lesion, canvas.chest, malignant=True, difficulty=0)
    pattern = draw_pattern(lesion, drawn.center) if course.patterned(day, share) else None
    if pattern:
        lay_pattern(hu, canvas.lungs, grid, pattern)
    nodule, center, diameter = np.zeros(hu.shape, bool), None, course.diameter_mm(day)
    if diameter:
        sized = dataclasses.replace(drawn, diameter=diameter)
        box, inside = lay_nodule(hu, canvas.chest, grid, sized)
        nodule[box] = inside
        center = centroid(box, inside, grid.affine)
    scan = acquire(
        np.random.default_rng([seed, len(KINDS), day]), hu, grid, canvas.sigma, canvas.padding
    )
    lungs = canvas.lungs | nodule
    return Screened(
        scan.T, grid.affine, lungs.T, (canvas.airway & ~lungs).T, nodule.T, kind, center, diameter,
        drawn.attachment, grid.to_world(drawn.center),
        grid.to_world(pattern.center) if pattern else None, pattern.radius if pattern else 0.0,
    )  # fmt: skip

"""Readings of four radiologists of a phantom, and LIDC-IDRI's XML of them.

An outline is drawn as in LIDC-IDRI: the first pixels outside a region, in order.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from lungcam.phantom.layouts.layout import Subject, draw_lung_voxels
from lungcam.phantom.phantom import Phantom

# up, right, down, left in (column, row), rows growing downwards
DIRECTIONS = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)])
READERS = 4
THREE_READERS = 0.3  # share of nodules that one reader misses
MAX_SHIFT_MM = 0.6  # distance between the centres of two outlines
# lowest and highest rating by the kind of the phantom, in the order of LIDC's XML
RATINGS = {
    "malignant": {
        "subtlety": (4, 5), "internalStructure": (1, 1), "calcification": (6, 6),
        "sphericity": (3, 4), "margin": (2, 3), "lobulation": (3, 5), "spiculation": (4, 5),
        "texture": (4, 5), "malignancy": (4, 5),
    },
    "benign": {
        "subtlety": (3, 5), "internalStructure": (1, 1), "calcification": (3, 6),
        "sphericity": (4, 5), "margin": (4, 5), "lobulation": (1, 2), "spiculation": (1, 1),
        "texture": (5, 5), "malignancy": (1, 2),
    },
}  # fmt: skip
HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<LidcReadMessage uid="{message}" xmlns="http://www.nih.gov" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://www.nih.gov  http://troll.rad.med.umich.edu/lidc/LidcReadMessage.xsd">
<ResponseHeader>
<Version>1.8.1</Version>
<RequestingSite>removed</RequestingSite>
<ServicingSite>removed</ServicingSite>
<TaskDescription>Second unblinded read</TaskDescription>
<CtImageFile>removed</CtImageFile>
<SeriesInstanceUid>{series}</SeriesInstanceUid>
<ResponseDescription>1 - Reading complete</ResponseDescription>
<StudyInstanceUID>{study}</StudyInstanceUID></ResponseHeader>
"""
Voxel = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Outline:
    """A closed line on one slice.

    Attributes:
        index: Index of the slice, from 0.
        included: True if the enclosed pixels belong to the nodule, False for a hole in it.
        points: Pixels (column, row), int of shape `(N, 2)`; the last equals the first.
    """

    index: int
    included: bool
    points: np.ndarray


@dataclass(frozen=True)
class ReaderNodule:
    """Mark of a nodule of 3 mm or more by one reader."""

    ratings: Mapping[str, int]
    outlines: tuple[Outline, ...]


@dataclass(frozen=True)
class Reading:
    """Marks of one reader.

    Attributes:
        nodules: Nodules of 3 mm or more, rated and outlined.
        small: Voxels of nodules under 3 mm, which get a point and no rating.
        others: Voxels of findings that are no nodules.
    """

    nodules: tuple[ReaderNodule, ...]
    small: tuple[Voxel, ...]
    others: tuple[Voxel, ...]


def draw_readings(subject: Subject, phantom: Phantom) -> list[Reading]:
    """Draw the marks of four readers.

    One outline is a pixel larger than the nodule, one a pixel smaller and the others fit it, so
    that the pixels on which half of the readers agree are those of the nodule.
    """
    rng = subject.rng("readings")
    masks = []
    if phantom.nodule.any():
        fit = phantom.nodule
        masks = [_resized(phantom, larger=True), _resized(phantom, larger=False), fit]
        masks += [None if rng.random() < THREE_READERS else fit]
    order = rng.permutation(READERS)
    small, others = _draw_marks(rng, phantom, most=2), _draw_marks(rng, phantom, most=3)
    readings = []
    for reader in order:
        mask = masks[reader] if masks else None
        nodules = ()
        if mask is not None:
            limits = RATINGS[subject.kind]
            ratings = {name: int(rng.integers(*limits[name], endpoint=True)) for name in limits}
            nodules = (ReaderNodule(ratings, tuple(outline_mask(mask))),)
        seen = [tuple(mark for mark in marks if rng.random() < 0.5) for marks in (small, others)]
        readings.append(Reading(nodules, *seen))
    return readings


def lidc_xml(
    subject: Subject, phantom: Phantom, *, readings: Sequence[Reading], turned: bool = False
) -> str:
    """Format readings as LIDC's XML (root LidcReadMessage).

    imageZposition is the z of the slice in LPS mm, with the trailing blank of the real files.

    Args:
        subject: Phantom person.
        phantom: Scan.
        readings: Marks of the readers.
        turned: True if columns count to the person's right and rows to the front, as in a few DICOM
            series, instead of to the left and the back.
    """

    def pixel(name: str, *, column: int, row: int) -> Iterator[str]:
        if turned:
            column, row = phantom.hu.shape[0] - 1 - column, phantom.hu.shape[1] - 1 - row
        yield f"        <{name}>"
        yield f"          <xCoord>{column}</xCoord>"
        yield f"          <yCoord>{row}</yCoord>"
        yield f"        </{name}>"

    lines = [
        HEAD.format(
            message=subject.uid("message"), series=subject.uid("scan"), study=subject.uid("study")
        ).rstrip("\n")
    ]
    for number, reading in enumerate(readings):
        lines += [
            "<readingSession>",
            "    <annotationVersion>3.12</annotationVersion>",
            f"    <servicingRadiologistID>phantom-{number + 1}</servicingRadiologistID>",
        ]
        for i, nodule in enumerate(reading.nodules):
            lines += _nodule_xml(
                subject, phantom, name=f"Nodule {i + 1:03d}", nodule=nodule, pixel=pixel
            )
        for i, voxel in enumerate(reading.small, len(reading.nodules)):
            lines += ["    <unblindedReadNodule>", f"      <noduleID>Nodule {i + 1:03d}</noduleID>"]
            lines += ["      <roi>", *_slice_xml(subject, phantom, index=voxel[2])]
            lines += [
                "        <inclusion>TRUE</inclusion>",
                *pixel("edgeMap", column=voxel[0], row=voxel[1]),
            ]
            lines += ["      </roi>", "    </unblindedReadNodule>"]
        for i, voxel in enumerate(reading.others):
            lines += [
                "    <nonNodule>",
                f"      <nonNoduleID>_Non-nodule {i + 1:03d}</nonNoduleID>",
                *_slice_xml(subject, phantom, index=voxel[2]),
                *pixel("locus", column=voxel[0], row=voxel[1]),
                "    </nonNodule>",
            ]
        lines.append("</readingSession>")
    return "\n".join([*lines, "</LidcReadMessage>"]) + "\n"


def outline_mask(mask: np.ndarray) -> list[Outline]:
    """Outline a mask slice by slice: its parts, then the holes in them.

    Args:
        mask: Bool of shape `(W, H, D)`, empty on its outermost columns and rows.
    """
    outlines = []
    for k in np.flatnonzero(mask.any(axis=(0, 1))):
        area = mask[:, :, k]
        holes = ndimage.binary_fill_holes(area) & ~area
        for region, included in ((area, True), (holes, False)):
            parts, count = ndimage.label(region)
            for i in range(count):
                outlines.append(Outline(int(k), included, trace_outline(parts == i + 1)))
    return outlines


def trace_outline(region: np.ndarray) -> np.ndarray:
    """Walk once around a region and return the pixels just outside.

    Args:
        region: Bool of shape `(W, H)`, one 4-connected component.

    Returns:
        Pixels (column, row), int of shape `(N, 2)`, each a neighbour of the one before; the last
        equals the first.
    """
    inside = set(map(tuple, np.argwhere(region).tolist()))
    # the pixel above one in the highest row is outside
    start = (min(inside, key=lambda pixel: (pixel[1], pixel[0])), 0)
    (x, y), direction = start
    points = []
    while not points or ((x, y), direction) != start:
        (dx, dy), (tx, ty) = (
            DIRECTIONS[direction].tolist(),
            DIRECTIONS[(direction + 1) % 4].tolist(),
        )
        if not points or points[-1] != (x + dx, y + dy):
            points.append((x + dx, y + dy))
        if (x + tx, y + ty) not in inside:
            direction = (direction + 1) % 4
        elif (x + tx + dx, y + ty + dy) in inside:
            x, y, direction = x + tx + dx, y + ty + dy, (direction - 1) % 4
        else:
            x, y = x + tx, y + ty
    if points[-1] != points[0]:
        points.append(points[0])
    return np.array(points)


def _draw_marks(rng: np.random.Generator, phantom: Phantom, *, most: int) -> list[Voxel]:
    count = int(rng.integers(0, most + 1))
    voxels = draw_lung_voxels(rng, phantom, count=count, vessels=True)
    return [tuple(voxel) for voxel in voxels.tolist()]


def _resized(phantom: Phantom, larger: bool) -> np.ndarray:
    """Return the nodule a pixel larger or smaller on each of its slices.

    If nothing would remain, or its centre would move, return it unchanged.
    """
    fit, cross = phantom.nodule, ndimage.generate_binary_structure(2, 1)[:, :, None]
    mask = (ndimage.binary_dilation if larger else ndimage.binary_erosion)(fit, cross)
    if not mask.any():
        return fit
    shift = np.argwhere(mask).mean(axis=0) - np.argwhere(fit).mean(axis=0)
    return mask if np.linalg.norm(shift * phantom.spacing) < MAX_SHIFT_MM else fit


def _nodule_xml(
    subject: Subject, phantom: Phantom, *, name: str, nodule: ReaderNodule, pixel: Callable
) -> Iterator[str]:
    yield "    <unblindedReadNodule>"
    yield f"      <noduleID>{name}</noduleID>"
    yield "      <characteristics>"
    for rating, value in nodule.ratings.items():
        yield f"        <{rating}>{value}</{rating}>"
    yield "      </characteristics>"
    for outline in nodule.outlines:
        yield "      <roi>"
        yield from _slice_xml(subject, phantom, index=outline.index)
        yield f"        <inclusion>{str(outline.included).upper()}</inclusion>"
        for column, row in outline.points.tolist():
            yield from pixel("edgeMap", column=column, row=row)
        yield "      </roi>"
    yield "    </unblindedReadNodule>"


def _slice_xml(subject: Subject, phantom: Phantom, *, index: int) -> Iterator[str]:
    z = phantom.affine[2, 3] + index * phantom.affine[2, 2]
    yield f"        <imageZposition>{z:.6f} </imageZposition>"
    yield f"        <imageSOP_UID>{subject.uid('scan', index)}</imageSOP_UID>"

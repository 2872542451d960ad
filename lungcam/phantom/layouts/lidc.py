"""LIDC-IDRI's layout: DICOM slices, and the readers' XML beside them.

Outlines as LIDC's readers drew them: the first pixels outside a region, in order.

What four readers have marked in a phantom, as in LIDC-IDRI.

Readings as LIDC-IDRI's XML tells them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from lungcam.phantom.layouts.dicom import Series, write_slices
from lungcam.phantom.layouts.layout import BESIDE, Entry, Layout, Subject, places
from lungcam.phantom.phantom import Phantom
from lungcam.runtime.atomic import write_text

# up, right, down, left in (column, row), rows growing downwards
WAYS = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)])


@dataclass(frozen=True, eq=False)
class Outline:
    """A closed line on one slice.

    Attributes:
        index: The slice, from 0.
        included: Whether what it encloses belongs to the nodule; False for a hole in it.
        points: `(N, 2)` int pixels (column, row); the last is the first.
    """

    index: int
    included: bool
    points: np.ndarray


def outlines(mask: np.ndarray) -> list[Outline]:
    """Outline a mask slice by slice: its parts, then the holes in them.

    Args:
        mask: `(W, H, D)` bool, nothing on its outermost columns and rows.
    """
    found = []
    for k in np.flatnonzero(mask.any(axis=(0, 1))):
        here = mask[:, :, k]
        holes = ndimage.binary_fill_holes(here) & ~here
        for region, included in ((here, True), (holes, False)):
            parts, count = ndimage.label(region)
            found += [Outline(int(k), included, trace(parts == i + 1)) for i in range(count)]
    return found


def trace(region: np.ndarray) -> np.ndarray:
    """Walk once around a region and note the pixels just outside.

    Args:
        region: `(W, H)` bool, one part whose pixels hang together by their sides.

    Returns:
        `(N, 2)` int (column, row), each a neighbour of the one before, the last the first again.
    """
    inside = set(map(tuple, np.argwhere(region).tolist()))
    # of the highest row's pixels, each has the outside above
    start = (min(inside, key=lambda pixel: (pixel[1], pixel[0])), 0)
    (x, y), way = start
    points = []
    while not points or ((x, y), way) != start:
        (dx, dy), (tx, ty) = WAYS[way].tolist(), WAYS[(way + 1) % 4].tolist()
        if not points or points[-1] != (x + dx, y + dy):
            points.append((x + dx, y + dy))
        if (x + tx, y + ty) not in inside:
            way = (way + 1) % 4
        elif (x + tx + dx, y + ty + dy) in inside:
            x, y, way = x + tx + dx, y + ty + dy, (way - 1) % 4
        else:
            x, y = x + tx, y + ty
    if points[-1] != points[0]:
        points.append(points[0])
    return np.array(points)


READERS = 4
THREE_READERS = 0.3  # share of nodules that one reader has missed
MOST_ASIDE_MM = 0.6  # between the middles of two readers' outlines
# least and most that a reader gives, by the phantom's kind, in the order of LIDC's XML
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


@dataclass(frozen=True)
class Nodule:
    """A reader's mark of a nodule of 3 mm or more."""

    ratings: Mapping[str, int]
    outlines: tuple[Outline, ...]


@dataclass(frozen=True)
class Reading:
    """What one reader has marked.

    Attributes:
        nodules: Of 3 mm or more: rated and outlined.
        small: Voxels of nodules under 3 mm, which get one point and no rating.
        others: Voxels of findings that are no nodule.
    """

    nodules: tuple[Nodule, ...]
    small: tuple[tuple[int, int, int], ...]
    others: tuple[tuple[int, int, int], ...]


def read_by_four(subject: Subject, phantom: Phantom) -> list[Reading]:
    """Draw four readers' marks.

    One reader's outline is a pixel larger, one's a pixel smaller, the others' fit, so that the
    pixels on which half of the readers agree are those of the nodule.
    """
    rng = subject.rng("readings")
    masks = []
    if phantom.nodule.any():
        fit = phantom.nodule
        masks = [_changed(phantom, larger=True), _changed(phantom, larger=False), fit]
        masks += [None if rng.random() < THREE_READERS else fit]
    order = rng.permutation(READERS)
    small, others = _marks(rng, phantom, most=2), _marks(rng, phantom, most=3)
    readings = []
    for reader in order:
        mask = masks[reader] if masks else None
        nodules = ()
        if mask is not None:
            limits = RATINGS[subject.kind]
            ratings = {name: int(rng.integers(*limits[name], endpoint=True)) for name in limits}
            nodules = (Nodule(ratings, tuple(outlines(mask))),)
        seen = [tuple(one for one in marks if rng.random() < 0.5) for marks in (small, others)]
        readings.append(Reading(nodules, *seen))
    return readings


def _marks(rng: np.random.Generator, phantom: Phantom, *, most: int) -> list[tuple[int, int, int]]:
    count = int(rng.integers(0, most + 1))
    return [tuple(one) for one in places(rng, phantom, count=count, vessels=True).tolist()]


def _changed(phantom: Phantom, larger: bool) -> np.ndarray:
    """The nodule a pixel larger or smaller on each slice that it is on.

    Where nothing would be left, or the middle would move, the nodule as it is.
    """
    fit, cross = phantom.nodule, ndimage.generate_binary_structure(2, 1)[:, :, None]
    mask = (ndimage.binary_dilation if larger else ndimage.binary_erosion)(fit, cross)
    if not mask.any():
        return fit
    way = np.argwhere(mask).mean(axis=0) - np.argwhere(fit).mean(axis=0)
    return mask if np.linalg.norm(way * phantom.spacing) < MOST_ASIDE_MM else fit


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


def lidc_xml(
    subject: Subject, phantom: Phantom, *, readings: Sequence[Reading], turned: bool = False
) -> str:
    """Tell readings in LIDC's XML (root LidcReadMessage).

    imageZposition is the slice's z in LPS mm, with the trailing blank that the real files have.

    Args:
        subject: The phantom person.
        phantom: The scan.
        readings: What the readers marked.
        turned: Whether columns count to the person's right and rows to the front, as in the few
            DICOM series that are stored so, and not to the left and the back.
    """

    def pixel(name: str, column: int, row: int) -> Iterator[str]:
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
            lines += _nodule(
                subject, phantom, name=f"Nodule {i + 1:03d}", nodule=nodule, pixel=pixel
            )
        for i, voxel in enumerate(reading.small, len(reading.nodules)):
            lines += ["    <unblindedReadNodule>", f"      <noduleID>Nodule {i + 1:03d}</noduleID>"]
            lines += ["      <roi>", *_slice(subject, phantom, index=voxel[2])]
            lines += ["        <inclusion>TRUE</inclusion>", *pixel("edgeMap", *voxel[:2])]
            lines += ["      </roi>", "    </unblindedReadNodule>"]
        for i, voxel in enumerate(reading.others):
            lines += [
                "    <nonNodule>",
                f"      <nonNoduleID>_Non-nodule {i + 1:03d}</nonNoduleID>",
                *_slice(subject, phantom, index=voxel[2]),
                *pixel("locus", *voxel[:2]),
                "    </nonNodule>",
            ]
        lines.append("</readingSession>")
    return "\n".join([*lines, "</LidcReadMessage>"]) + "\n"


def _nodule(
    subject: Subject, phantom: Phantom, *, name: str, nodule: Nodule, pixel: Callable
) -> Iterator[str]:
    yield "    <unblindedReadNodule>"
    yield f"      <noduleID>{name}</noduleID>"
    yield "      <characteristics>"
    for rating, value in nodule.ratings.items():
        yield f"        <{rating}>{value}</{rating}>"
    yield "      </characteristics>"
    for outline in nodule.outlines:
        yield "      <roi>"
        yield from _slice(subject, phantom, index=outline.index)
        yield f"        <inclusion>{str(outline.included).upper()}</inclusion>"
        for column, row in outline.points.tolist():
            yield from pixel("edgeMap", column, row)
        yield "      </roi>"
    yield "    </unblindedReadNodule>"


def _slice(subject: Subject, phantom: Phantom, *, index: int) -> Iterator[str]:
    z = phantom.affine[2, 3] + index * phantom.affine[2, 2]
    yield f"        <imageZposition>{z:.6f} </imageZposition>"
    yield f"        <imageSOP_UID>{subject.uid('scan', index)}</imageSOP_UID>"


def write_lidc(out: Path, subject: Subject, phantom: Phantom) -> Entry:
    """Write `<patient>/<StudyUID>/<SeriesUID>/*.dcm`, in an order that is not the slices', and XML.

    Returns:
        The entry; there are no tables.
    """
    series = Series(
        subject.patient_id,
        subject.uid("study"),
        subject.uid("scan"),
        subject.uid("frame"),
        number=1,
        description="Phantom, thin",
        kernel="STANDARD",
        date="20000101",
    )
    folder = Path(series.patient_id, series.study_uid, series.series_uid)
    numbers = subject.rng("names").permutation(phantom.hu.shape[2]) + 1
    names = [f"{number:06d}.dcm" for number in numbers]
    write_slices(
        out / folder,
        series,
        hu=phantom.hu,
        affine=phantom.affine,
        sop_uid=lambda k: subject.uid("scan", k),
        names=names,
    )
    xml = lidc_xml(subject, phantom, readings=read_by_four(subject, phantom))
    write_text(out / folder / f"{subject.index % 1000:03d}.xml", xml)
    return Entry(
        image=folder.as_posix(),
        patient_id=series.patient_id,
        study_uid=series.study_uid,
        series_uid=series.series_uid,
        center_mm=phantom.center_mm,
        label=phantom.label,
    )


LIDC = Layout(
    title="LIDC-IDRI",
    write=write_lidc,
    tables={},
    settings=(
        "data=lidc",
        "data.root={out}",
    ),
    remarks=(
        "Four readers rate a malignant nodule 4 or 5 and a benign one 1 or 2; one reader may have "
        "missed it. One outline is a pixel larger than the nodule, one a pixel smaller.",
        "Their marks of nodules under 3 mm and of non-nodules stand on vessels.",
        BESIDE,
    ),
)

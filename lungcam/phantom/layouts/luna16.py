"""Layout of LUNA16: MetaImage scans in ten subsets, and tables of points in LPS mm."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lungcam.phantom.layouts.layout import (
    EXTRA_NODULES,
    Entry,
    Layout,
    Subject,
    draw_lung_voxels,
    voxels_to_world,
)
from lungcam.phantom.layouts.readings import Reading, draw_readings, lidc_xml
from lungcam.phantom.phantom import Phantom
from lungcam.runtime.atomic import atomic_write, write_text

TYPES = {np.dtype("int16"): "MET_SHORT", np.dtype("uint8"): "MET_UCHAR"}
# origin of an axis in LPS, as in MetaIO
FROM = ("RL", "AP", "IS")
SUBSETS = 10
VESSEL_CANDIDATES = 20
LEFT, RIGHT, TRACHEA = 3, 4, 5
# for consecutive scans: axes stored backwards, and rotation of the person in degrees
ORIENTATIONS = (
    ((), 0.0), ((0, 1), 0.0), ((2,), 0.0), ((), 6.0),
    ((), 0.0), ((0, 1, 2), 0.0), ((), 0.0), ((0, 1), 0.0),
)  # fmt: skip
SAME_ORDER = 7  # index of the orientation with an XML in the pixel order of the file
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
COLUMNS = ("seriesuid", "coordX", "coordY", "coordZ")


def write_luna16(out: Path, subject: Subject, *, phantom: Phantom) -> Entry:
    """Write `subset0..9/<uid>.mhd`, the lungs and the readers' XML.

    The arrays of some scans run backwards, according to the direction in the header: most of them
    are mirrored against the order of the DICOM pixels, in which the XML counts, and one in eight
    scans keeps that order, as in LUNA16. A few are rotated about the axis from foot to head.

    Returns:
        The entry of the scan, with the centre of the nodule in this tree.
    """
    orientation = subject.index % len(ORIENTATIONS)
    backwards, degrees = ORIENTATIONS[orientation]
    turn = _turn(phantom, degrees)
    uid, fold = subject.uid("scan"), subject.index % SUBSETS
    image = f"subset{fold}/{uid}.mhd"
    lungs = np.where(np.arange(phantom.hu.shape[0]) * 2 < phantom.hu.shape[0], RIGHT, LEFT)
    lungs = np.where(phantom.lungs, lungs[:, None, None], phantom.airway * TRACHEA).astype(np.uint8)
    affine = _mirrored(turn @ LPS @ phantom.affine, phantom.hu.shape, axes=backwards)
    hu = np.flip(phantom.hu, backwards)
    write_metaimage(
        out / f"seg-lungs-LUNA16/{uid}.mhd",
        np.flip(lungs, backwards),
        affine=affine,
        compressed=True,
    )
    write_metaimage(out / image, hu, affine=affine, compressed=False)
    readings = draw_readings(subject, phantom)
    xml = lidc_xml(subject, phantom, readings=readings, turned=orientation == SAME_ORDER)
    write_text(out / f"lidc-xml/{uid}.xml", xml)
    rows = _rows(subject, phantom, turn=turn, readings=readings)
    center = phantom.center_mm
    if center is not None:
        center = tuple((LPS @ turn @ LPS @ [*center, 1])[:3].tolist())
    return Entry(
        image=image,
        patient_id=uid,
        study_uid=None,
        series_uid=uid,
        center_mm=center,
        label=phantom.label,
        fold=fold,
        rows=rows,
    )


def write_metaimage(
    file: Path, volume: np.ndarray, *, affine: np.ndarray, compressed: bool
) -> None:
    """Write a volume as a .mhd header with a .raw or, compressed, .zraw file; the header last.

    Args:
        file: Path with the suffix .mhd, or .mha to write header and voxels into one file.
        volume: int16 or uint8, shape `(W, H, D)`.
        affine: Affine `(4, 4)` from voxel index to LPS mm, its axes at right angles.
        compressed: True to compress the voxels.
    """
    voxels = np.ascontiguousarray(volume.T)
    content = voxels.astype(voxels.dtype.newbyteorder("<"), copy=False).tobytes()
    raw = file.with_suffix(".zraw" if compressed else ".raw")
    size = ""
    if compressed:
        content = zlib.compress(content, 2)
        size = f"CompressedDataSize = {len(content)}\n"
    local = file.suffix == ".mha"
    if not local:
        with atomic_write(raw) as temporary:
            temporary.write_bytes(content)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    # the directions of the axes, one after the other
    matrix = (affine[:3, :3] / spacing).T
    main = np.abs(matrix).argmax(axis=1)
    letters = (FROM[axis][int(row[axis] < 0)] for axis, row in zip(main, matrix, strict=True))
    header = (
        "ObjectType = Image\n"
        "NDims = 3\n"
        "BinaryData = True\n"
        "BinaryDataByteOrderMSB = False\n"
        f"CompressedData = {compressed}\n"
        f"{size}"
        f"TransformMatrix = {_numbers(matrix.ravel())}\n"
        f"Offset = {_numbers(affine[:3, 3])}\n"
        "CenterOfRotation = 0 0 0\n"
        f"AnatomicalOrientation = {''.join(letters)}\n"
        f"ElementSpacing = {_numbers(spacing)}\n"
        f"DimSize = {' '.join(map(str, volume.shape))}\n"
        f"ElementType = {TYPES[volume.dtype]}\n"
        f"ElementDataFile = {'LOCAL' if local else raw.name}\n"
    )
    with atomic_write(file) as temporary:
        temporary.write_bytes(header.encode() + (content if local else b""))


def _rows(
    subject: Subject, phantom: Phantom, *, turn: np.ndarray, readings: Sequence[Reading]
) -> dict[str, list]:
    """Return the rows of a scan by table."""
    uid, rng = subject.uid("scan"), subject.rng("candidates")
    marks = {voxel for reading in readings for voxel in (*reading.small, *reading.others)}
    excluded = voxels_to_world(phantom, np.array(sorted(marks)).reshape(-1, 3))
    annotations, candidates = [], []
    if phantom.center_mm is not None:
        nodule = np.array([phantom.center_mm])
        annotations = list(_points(uid, turn, ras_mm=nodule, value=phantom.diameter_mm))
        # detectors find a nodule several times, always within its radius
        hits = nodule + rng.uniform(-0.2, 0.2, (rng.integers(1, 4), 3)) * phantom.diameter_mm
        candidates += _points(uid, turn, ras_mm=hits, value=1)
    vessels = draw_lung_voxels(rng, phantom, count=VESSEL_CANDIDATES, vessels=True)
    candidates += _points(uid, turn, ras_mm=voxels_to_world(phantom, vessels), value=0)
    return {
        "annotations.csv": annotations,
        "candidates_V2.csv": candidates,
        "annotations_excluded.csv": list(_points(uid, turn, ras_mm=excluded, value=-1)),
        "seriesuids.csv": [[uid]],
    }


def _turn(phantom: Phantom, degrees: float) -> np.ndarray:
    """Return the rotation `(4, 4)` in LPS mm about the scan's centre, axis from foot to head."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(4)
    turn[:2, :2] = [[cos, -sin], [sin, cos]]
    middle = LPS @ phantom.affine @ [*((np.array(phantom.hu.shape) - 1) / 2), 1]
    turn[:3, 3] = (middle - turn @ middle)[:3] + turn[:3, 3]
    return turn


def _mirrored(affine: np.ndarray, shape: tuple[int, ...], *, axes: tuple[int, ...]) -> np.ndarray:
    """Return the affine of an array after some axes have been reversed."""
    affine = affine.copy()
    for axis in axes:
        affine[:3, 3] += affine[:3, axis] * (shape[axis] - 1)
        affine[:3, axis] *= -1
    return affine


def _points(
    uid: str, turn: np.ndarray, *, ras_mm: np.ndarray, value: float
) -> Iterator[tuple[str, ...]]:
    """Yield rows of a table: UID, LPS mm and a diameter or class, with ten digits as in LUNA16."""
    lps = ras_mm * [-1, -1, 1] @ turn[:3, :3].T + turn[:3, 3]
    for point in lps:
        yield uid, *(f"{number + 0.0:.10g}" for number in (*point, value))


def _numbers(values: np.ndarray) -> str:
    # adding 0 removes the sign of a 0
    return " ".join(f"{value + 0.0:.17g}" for value in values)


LUNA16 = Layout(
    title="LUNA16",
    write=write_luna16,
    tables={
        "annotations.csv": (*COLUMNS, "diameter_mm"),
        "candidates_V2.csv": (*COLUMNS, "class"),
        "annotations_excluded.csv": (*COLUMNS, "diameter_mm"),
        "seriesuids.csv": (),
    },
    settings=("data=luna16", "data.root={out}", "data.xml={out}/lidc-xml"),
    remarks=(
        "lidc-xml/ replaces LIDC-IDRI's XML, the source of the malignancy: one file per scan.",
        "Of every eight scans, the arrays of four run backwards along two, one or three axes, and "
        "one scan is rotated by 6 degrees: the headers and all tables agree. The XML counts pixels "
        "as in upright DICOM slices, or for one of the four in the order of the array.",
        "In seg-lungs-LUNA16, 3 is the left lung, 4 the right one and 5 the trachea.",
        "candidates_V2.csv holds points within each nodule (class 1) and on vessels (class 0).",
        EXTRA_NODULES,
    ),
)

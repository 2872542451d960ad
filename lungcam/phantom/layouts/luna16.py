"""LUNA16's layout: MetaImage scans in ten subsets, and tables of points in LPS mm.

MetaImage files as LUNA16's: a .mhd header beside .raw or, compressed, .zraw.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lungcam.phantom.layouts.layout import BESIDE, Entry, Layout, Subject, places, world
from lungcam.phantom.layouts.lidc import lidc_xml, read_by_four
from lungcam.phantom.phantom import Phantom
from lungcam.runtime.atomic import atomic_write, write_text

TYPES = {np.dtype("int16"): "MET_SHORT", np.dtype("uint8"): "MET_UCHAR"}
# where an axis comes from, in LPS, as MetaIO writes it
FROM = ("RL", "AP", "IS")


def write_metaimage(file: Path, volume: np.ndarray, *, affine: np.ndarray, packed: bool) -> None:
    """Write a volume, the header last.

    Args:
        file: Ends in .mhd.
        volume: `(W, H, D)` int16 or uint8.
        affine: `(4, 4)` from voxel index to LPS mm, its axes at right angles.
        packed: Whether to compress the voxels.
    """
    voxels = np.ascontiguousarray(volume.T)
    content = voxels.astype(voxels.dtype.newbyteorder("<"), copy=False).tobytes()
    raw = file.with_suffix(".zraw" if packed else ".raw")
    size = ""
    if packed:
        content = zlib.compress(content, 2)
        size = f"CompressedDataSize = {len(content)}\n"
    with atomic_write(raw) as temporary:
        temporary.write_bytes(content)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    # one axis' direction after the other
    matrix = (affine[:3, :3] / spacing).T
    main = np.abs(matrix).argmax(axis=1)
    letters = (FROM[at][int(row[at] < 0)] for at, row in zip(main, matrix, strict=True))
    header = (
        "ObjectType = Image\n"
        "NDims = 3\n"
        "BinaryData = True\n"
        "BinaryDataByteOrderMSB = False\n"
        f"CompressedData = {packed}\n"
        f"{size}"
        f"TransformMatrix = {_numbers(matrix.ravel())}\n"
        f"Offset = {_numbers(affine[:3, 3])}\n"
        "CenterOfRotation = 0 0 0\n"
        f"AnatomicalOrientation = {''.join(letters)}\n"
        f"ElementSpacing = {_numbers(spacing)}\n"
        f"DimSize = {' '.join(map(str, volume.shape))}\n"
        f"ElementType = {TYPES[volume.dtype]}\n"
        f"ElementDataFile = {raw.name}\n"
    )
    write_text(file, header)


def _numbers(values: np.ndarray) -> str:
    # adding 0 takes the sign from a 0
    return " ".join(f"{value + 0.0:.17g}" for value in values)


SUBSETS = 10
VESSEL_CANDIDATES = 20
LEFT, RIGHT, TRACHEA = 3, 4, 5
# axes stored backwards, and degrees by which the person lies turned on the table, by turns
PLACINGS = (
    ((), 0.0), ((0, 1), 0.0), ((2,), 0.0), ((), 6.0),
    ((), 0.0), ((0, 1, 2), 0.0), ((), 0.0), ((0, 1), 0.0),
)  # fmt: skip
SAME_ORDER = 7  # of these, where the XML counts pixels in the file's own order
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
COLUMNS = ("seriesuid", "coordX", "coordY", "coordZ")


def write_luna16(out: Path, subject: Subject, phantom: Phantom) -> Entry:
    """Write `subset0..9/<uid>.mhd`, the lungs and the readers' XML.

    The arrays of some scans run backwards, as the header's direction says: most of them are
    mirrored against the order of the DICOM pixels, in which the XML counts, and one in eight scans
    has kept it, as LUNA16's own have. A few lie turned about the axis from foot to head.

    Returns:
        The entry, its centre where the nodule lies in this tree.
    """
    place = subject.index % len(PLACINGS)
    backwards, degrees = PLACINGS[place]
    turn = _turn(phantom, degrees)
    uid, fold = subject.uid("scan"), subject.index % SUBSETS
    image = f"subset{fold}/{uid}.mhd"
    lungs = np.where(np.arange(phantom.hu.shape[0]) * 2 < phantom.hu.shape[0], RIGHT, LEFT)
    lungs = np.where(phantom.lungs, lungs[:, None, None], phantom.airway * TRACHEA).astype(np.uint8)
    affine = _mirrored(turn @ LPS @ phantom.affine, phantom.hu.shape, axes=backwards)
    seen = np.flip(phantom.hu, backwards)
    write_metaimage(
        out / f"seg-lungs-LUNA16/{uid}.mhd", np.flip(lungs, backwards), affine=affine, packed=True
    )
    write_metaimage(out / image, seen, affine=affine, packed=False)
    readings = read_by_four(subject, phantom)
    xml = lidc_xml(subject, phantom, readings=readings, turned=place == SAME_ORDER)
    write_text(out / f"lidc-xml/{uid}.xml", xml)

    marks = sorted({voxel for one in readings for voxel in (*one.small, *one.others)})
    excluded = world(phantom, np.array(marks).reshape(-1, 3))
    rows = {
        "annotations.csv": [],
        "candidates_V2.csv": [],
        "annotations_excluded.csv": list(_points(uid, turn, ras_mm=excluded, value=-1)),
        "seriesuids.csv": [[uid]],
    }
    rng, center = subject.rng("candidates"), None
    if phantom.center_mm is not None:
        nodule = np.array([phantom.center_mm])
        rows["annotations.csv"] = list(_points(uid, turn, ras_mm=nodule, value=phantom.diameter_mm))
        # detectors find a nodule several times, always within its radius
        found = nodule + rng.uniform(-0.2, 0.2, (rng.integers(1, 4), 3)) * phantom.diameter_mm
        rows["candidates_V2.csv"] += _points(uid, turn, ras_mm=found, value=1)
        center = tuple((LPS @ turn @ LPS @ [*phantom.center_mm, 1])[:3].tolist())
    vessels = world(phantom, places(rng, phantom, count=VESSEL_CANDIDATES, vessels=True))
    rows["candidates_V2.csv"] += _points(uid, turn, ras_mm=vessels, value=0)
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


def _turn(phantom: Phantom, degrees: float) -> np.ndarray:
    """`(4, 4)` turn in LPS mm about the scan's middle and the axis from foot to head."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(4)
    turn[:2, :2] = [[cos, -sin], [sin, cos]]
    middle = LPS @ phantom.affine @ [*((np.array(phantom.hu.shape) - 1) / 2), 1]
    turn[:3, 3] = (middle - turn @ middle)[:3] + turn[:3, 3]
    return turn


def _mirrored(affine: np.ndarray, shape: tuple[int, ...], *, axes: tuple[int, ...]) -> np.ndarray:
    """The affine of an array whose axes run backwards."""
    affine = affine.copy()
    for axis in axes:
        affine[:3, 3] += affine[:3, axis] * (shape[axis] - 1)
        affine[:3, axis] *= -1
    return affine


def _points(
    uid: str, turn: np.ndarray, *, ras_mm: np.ndarray, value: float
) -> Iterator[tuple[str, ...]]:
    """Rows of a table: UID, LPS mm and a diameter or class, with ten digits as in LUNA16's."""
    lps = ras_mm * [-1, -1, 1] @ turn[:3, :3].T + turn[:3, 3]
    for point in lps:
        yield uid, *(f"{one + 0.0:.10g}" for one in (*point, value))


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
        "lidc-xml/ stands for LIDC-IDRI's XML, which tells the malignancy: one file a scan.",
        "Of every eight scans, the arrays of four run backwards along two, one or three axes, and "
        "one scan lies turned by 6 degrees: the headers and all tables say so. The XML counts "
        "pixels as upright DICOM slices have them, or for one of the four in the array's order.",
        "In seg-lungs-LUNA16, 3 is the left lung, 4 the right one and 5 the trachea.",
        "candidates_V2.csv holds points within each nodule (class 1) and on vessels (class 0).",
        BESIDE,
    ),
)

"""Regions of an RTSTRUCT against areas by the shoelace formula, and the real one of 4D-Lung."""

import nibabel as nib
import numpy as np
import pydicom
import pytest
from scipy.spatial.transform import Rotation

from lungcam.grid import Grid, reorient
from lungcam.lungs import lung_mask
from lungcam.masks import Mask, MaskFault, mask_on, read_lesion_mask, read_mask
from lungcam.masks.placement import check_lesion
from lungcam.scans import read_scan, write_volume

from .conftest import SOURCES, write_structure_set


def circle(radius: float, *, count: int = 90, center=(0.0, 0.0)) -> np.ndarray:
    """Return `(n, 2)` corners of a polygon."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.column_stack([np.cos(angle), np.sin(angle)]) * radius + center


def shoelace(points: np.ndarray) -> float:
    """Return the area of a polygon `(n, 2)`."""
    x, y = points.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def lifted(points: np.ndarray, scan, plane: float) -> np.ndarray:
    """Put `(n, 2)` mm about the middle of the scan's plane into LPS mm."""
    middle = (np.array(scan.hu.shape) - 1) / 2
    index = np.column_stack(
        [points / scan.grid.spacing_mm[:2] + middle[:2], np.full(len(points), plane)]
    )
    return scan.grid.to_world(index) * (-1, -1, 1)


@pytest.fixture
def scan(series):
    """Function of (folder, source): read a series of 64 x 60 x 12 voxels of 1.5 x 1.5 x 3 mm."""
    values = np.random.default_rng(0).integers(-1000, 400, (64, 60, 12)).astype(np.int16)
    return lambda folder, source="axial": series(
        folder, values, spacing=(1.5, 1.5, 3), **SOURCES[source]
    )


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("hole", ["contour", "keyhole", None])
def test_volumes_and_holes_agree_with_the_shoelace_formula(tmp_path, scan, source, hole):
    ct = scan(tmp_path / "ct", source)
    outer, inner = circle(30), circle(12, center=(5, -4))
    area = shoelace(outer) - (0 if hole is None else shoelace(inner))
    planes = [outer]
    if hole == "contour":
        planes = [outer, inner]
    elif hole == "keyhole":
        # out along the first corner of the outer contour, around the hole backwards, and back
        backwards = inner[::-1]
        planes = [np.concatenate([outer, outer[:1], backwards, backwards[:1]])]
    contours = [lifted(points, ct, k) for k in (7, 3, 5, 4, 6) for points in planes]
    file = write_structure_set(
        tmp_path / "rt.dcm", {"a": contours, "b": contours[:1]}, frame_uid=ct.frame_uid
    )
    inside = mask_on(read_mask(file, ct, segment="A"), ct.grid)
    assert inside.any(axis=(0, 1)).nonzero()[0].tolist() == [3, 4, 5, 6, 7]
    volume = inside.sum() * 1.5 * 1.5 * 3
    assert volume == pytest.approx(area * 3 * 5, rel=0.01)
    # each plane is the polygon itself, at the voxels' centres
    index = np.argwhere(inside)
    middle = (np.array(ct.hu.shape) - 1) / 2
    distance = np.linalg.norm((index - middle)[:, :2] * 1.5, axis=1)
    assert distance.max() < 30.2
    if hole:
        holes = np.linalg.norm((index - middle)[:, :2] * 1.5 - [5, -4], axis=1)
        assert holes.min() > 11.7


def test_contours_on_every_second_slice_fill_the_slices_between(tmp_path, scan):
    ct = scan(tmp_path / "ct")
    contours = [lifted(circle(20), ct, k) for k in (2, 4, 6)]
    file = write_structure_set(tmp_path / "rt.dcm", {"a": contours}, frame_uid=ct.frame_uid)
    inside = mask_on(read_mask(file, ct), ct.grid)
    counts = inside.sum(axis=(0, 1))
    assert np.ptp(counts[2:7]) < 0.02 * counts[4]
    assert counts[4] * 1.5 * 1.5 == pytest.approx(np.pi * 400, rel=0.02)


def test_contours_across_the_scan_are_resampled(tmp_path, scan):
    ct = scan(tmp_path / "ct")
    turn = Rotation.from_euler("xyz", [20, 10, 30], degrees=True).as_matrix()
    middle = ct.grid.to_world((np.array(ct.hu.shape) - 1) / 2) * (-1, -1, 1)
    contours = [
        np.column_stack([circle(14), np.full(90, z)]) @ turn.T + middle
        for z in np.arange(-9, 10, 2)
    ]
    file = write_structure_set(tmp_path / "rt.dcm", {"a": contours}, frame_uid=ct.frame_uid)
    inside = mask_on(read_mask(file, ct), ct.grid)
    volume = inside.sum() * np.prod(ct.grid.spacing_mm)
    assert volume == pytest.approx(np.pi * 14**2 * 20, rel=0.03)
    center = ct.grid.to_world(np.argwhere(inside).mean(axis=0)) * (-1, -1, 1)
    assert np.abs(center - middle).max() < 0.5


def test_what_is_no_closed_region_is_refused(tmp_path, scan):
    ct = scan(tmp_path / "ct")
    flat = [lifted(circle(20), ct, k) for k in (2, 3, 4)]

    def refusal(regions, *, segment=None, frame=ct.frame_uid, kind="CLOSED_PLANAR") -> str:
        file = write_structure_set(tmp_path / "rt.dcm", regions, frame_uid=frame, kind=kind)
        with pytest.raises(MaskFault) as caught:
            check_lesion(read_mask(file, ct, segment=segment), ct)
        return str(caught.value)

    several = {"GTV": flat, "Heart": flat}
    assert "GTV 1" in refusal({"GTV \n1": flat, "Heart": flat})
    assert refusal(several) == "it has 2 regions, and none is named; it has GTV, Heart"
    assert refusal(several, segment="lung").endswith("with closed contours; it has GTV, Heart")
    assert "no region" in refusal({"a": flat}, segment="a", kind="OPEN_PLANAR")
    assert "another frame of reference" in refusal({"a": flat}, frame="1.2.3.4")
    uneven = [*flat, flat[0] + (0, 0, 13.7)]
    assert "evenly spaced" in refusal({"a": uneven})
    bent = flat[0].copy()
    bent[3, 2] += 1
    assert "parallel planes" in refusal({"a": [*flat[1:], bent]})
    far = [np.add(points, (0, 0, 400)) for points in flat]
    assert "lies within the scan" in refusal({"a": far})


ORDERS = ("LPS", "RAS", "SAR", "IPL")


@pytest.fixture(scope="session")
def tumour(sample_data):
    """The scan of 4D-Lung, its RTSTRUCT, and the mask of Tumor_c40 with its grid."""
    folder = sample_data / "lung_4d" / "113_HM10395"
    (file,) = (folder / "rtstruct").glob("*.dcm")
    scan = read_scan(folder / "ct")
    return scan, file, read_lesion_mask(file, scan, segment="Tumor_c40")


def drawn_contours(file, name: str) -> list[np.ndarray]:
    """Read the contours of a region as they are stored, `(n, 3)` LPS mm each."""
    dataset = pydicom.dcmread(file)
    (number,) = (r.ROINumber for r in dataset.StructureSetROISequence if r.ROIName == name)
    (item,) = (r for r in dataset.ROIContourSequence if r.ReferencedROINumber == number)
    return [np.array(c.ContourData, float).reshape(-1, 3) for c in item.ContourSequence]


def test_the_real_tumour_has_the_volume_and_the_place_of_its_contours(tumour):
    _, file, (mask, grid) = tumour
    contours = drawn_contours(file, "Tumor_c40")
    areas = np.array([shoelace(points[:, :2]) for points in contours])
    volume = mask.sum() * np.prod(grid.spacing_mm)
    assert volume == pytest.approx(areas.sum() * 3, rel=0.01)
    centers = []
    for points in contours:
        (x, y), (u, v) = points[:, :2].T, np.roll(points[:, :2], -1, axis=0).T
        cross = x * v - u * y
        centers.append([*(((x + u) @ cross, (y + v) @ cross) / (3 * cross.sum())), points[0, 2]])
    expected = np.average(centers, axis=0, weights=areas) * (-1, -1, 1)
    center = grid.to_world(np.argwhere(mask).mean(axis=0))
    assert np.linalg.norm(center - expected) < 0.2


def test_the_default_mask_keeps_the_real_tumour(tumour):
    scan, _, (mask, grid) = tumour
    canonical = scan.grid.canonical
    shown = lung_mask(reorient(scan.hu, scan.grid, target=canonical), canonical.spacing_mm)
    inside = mask_on_grid(mask, grid, canonical)
    assert (shown & inside).sum() / inside.sum() >= 0.99


def mask_on_grid(mask: np.ndarray, grid: Grid, target: Grid) -> np.ndarray:
    return mask_on(Mask(share=mask, grid=grid), target)


@pytest.mark.parametrize("order", ORDERS)
def test_the_real_tumour_stays_where_it_is_in_any_axis_order(tumour, tmp_path, order):
    scan, file, (mask, grid) = tumour
    change = nib.orientations.ornt_transform(
        nib.io_orientation(scan.grid.affine), nib.orientations.axcodes2ornt(order)
    )
    turned = nib.orientations.apply_orientation(scan.hu, change)
    affine = scan.grid.affine @ nib.orientations.inv_ornt_aff(change, scan.hu.shape)
    write_volume(tmp_path / "ct.nii.gz", turned, grid=Grid(turned.shape, affine))
    read = read_scan(tmp_path / "ct.nii.gz")
    other, other_grid = read_lesion_mask(file, read, segment="Tumor_c40")
    assert abs(int(other.sum()) - int(mask.sum())) <= 0.005 * mask.sum()
    drawn = ((mask, grid), (other, other_grid))
    centers = [place.to_world(np.argwhere(inside).mean(axis=0)) for inside, place in drawn]
    assert np.linalg.norm(centers[0] - centers[1]) < 0.2


@pytest.mark.parametrize("name", ["Tumor_c40", "LN_c40", "Vertebra_c40", "Carina_c40"])
def test_the_real_regions_are_accepted(tumour, name):
    scan, file, _ = tumour
    check_lesion(read_mask(file, scan, segment=name), scan)

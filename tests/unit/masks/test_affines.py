"""Any affine that a format can hold keeps a point in its place: write, read, mask, heat-map."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lungcam.explain import HeatMap
from lungcam.grid import LPS_TO_RAS, Grid
from lungcam.masks import Mask, mask_on
from lungcam.masks.label_map import read_label_map
from lungcam.scans import read_scan, write_volume

FORMATS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
SHAPE = (24, 20, 16)
# voxels along each axis of the lesion
SIZE = 4


@st.composite
def affines(draw) -> np.ndarray:
    """Draw axes in any order and direction, any rotation, spacing and origin."""
    angles = [draw(st.floats(-180, 180)) for _ in range(3)]
    order = draw(st.permutations(range(3)))
    signs = [draw(st.sampled_from([-1.0, 1.0])) for _ in range(3)]
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    if draw(st.booleans()):
        turn = np.eye(3)
    affine = np.eye(4)
    affine[:3, :3] = turn[:, list(order)] * signs * [draw(st.floats(0.4, 6)) for _ in range(3)]
    affine[:3, 3] = [draw(st.floats(-900, 900)) for _ in range(3)]
    return affine


def write(file: Path, values: np.ndarray, affine: np.ndarray) -> None:
    """Write a volume by nibabel or SimpleITK."""
    if file.name.endswith((".nii", ".nii.gz")):
        image = nib.Nifti1Image(values, affine)
        image.set_sform(affine, code=1)
        nib.save(image, file)
        return
    lps = LPS_TO_RAS @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(values.T)
    image.SetSpacing(spacing)
    image.SetOrigin(lps[:3, 3])
    image.SetDirection((lps[:3, :3] / spacing).ravel())
    sitk.WriteImage(image, str(file))


@pytest.mark.parametrize("suffix", FORMATS)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(affine=affines(), corner=st.tuples(*(st.integers(2, n - SIZE - 2) for n in SHAPE)))
def test_a_lesion_stays_in_its_place(tmp_path, suffix, affine, corner):
    rng = np.random.default_rng(0)
    hu = rng.normal(-850, 40, SHAPE)
    box = tuple(slice(start, start + SIZE) for start in corner)
    hu[box] = rng.normal(40, 20, (SIZE,) * 3)
    lesion = np.zeros(SHAPE, np.uint8)
    lesion[box] = 1
    place = Grid(SHAPE, affine)
    expected = place.to_world(np.array(corner) + (SIZE - 1) / 2)
    half_mm = min(place.spacing_mm) / 2
    write(tmp_path / f"scan{suffix}", hu.astype(np.int16), affine)
    write(tmp_path / f"mask{suffix}", lesion, affine)

    scan = read_scan(tmp_path / f"scan{suffix}", whole_chest=False)
    bright = scan.hu > -400
    read_at = scan.grid.to_world(np.argwhere(bright).mean(axis=0))
    assert np.linalg.norm(read_at - expected) < half_mm

    mask = mask_on(read_label_map(tmp_path / f"mask{suffix}"), scan.grid)
    assert np.array_equal(mask, bright)

    # a map on a grid of the network, along the axes of the scan
    canonical = scan.grid.canonical
    cells = mask_on(Mask(share=mask, grid=scan.grid), canonical).astype(np.float32)
    heat = HeatMap(cells, canonical).on(scan.grid)
    write_volume(tmp_path / "heat.nii.gz", heat, grid=scan.grid)
    stored = nib.load(tmp_path / "heat.nii.gz")
    peak = np.argwhere(np.asarray(stored.dataobj) > 0.5).mean(axis=0)
    assert np.linalg.norm(nib.affines.apply_affine(stored.affine, peak) - expected) < half_mm

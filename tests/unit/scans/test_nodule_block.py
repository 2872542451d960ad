"""Tests of LUNA25's nodule blocks: SimpleITK as oracle of their place, and hostile metadata."""

import pickle

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from lungcam.errors import InputError
from lungcam.scans import check_scan, discover, read_scan
from lungcam.scans.companions import scan_files

FLIP = np.diag([1.0, -1.0, -1.0])
OBLIQUE = Rotation.from_euler("xyz", [5, -8, 12], degrees=True).as_matrix()


def write_block(folder, values, *, direction=None, spacing=(0.7, 0.7, 1.25), metadata=None):
    """Write a block as the challenge does, by what SimpleITK says of each corner; return both."""
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing)
    image.SetOrigin((-80.5, 81.0, -1399.25))
    image.SetDirection((np.eye(3) if direction is None else direction).ravel())

    def place(index):
        return np.array(image.TransformContinuousIndexToPhysicalPoint(index[::-1])[::-1])

    start = place((0.0, 0.0, 0.0))
    steps = [place(tuple(row)) - start for row in np.eye(3)]
    mm = np.array(spacing[::-1])
    known = {"origin": start, "spacing": mm, "transform": np.vstack(steps) / mm}
    for name, content in (("image", values), ("metadata", metadata or known)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        np.save(folder / name / "1_2_20000102.npy", content)
    return image, folder / "image" / "1_2_20000102.npy"


@pytest.fixture
def values():
    rng = np.random.default_rng(0)
    hu = rng.normal(-800, 60, (16, 20, 24))
    hu[5:9, 6:12, 7:13] = 40
    return hu.astype(np.int16)


@pytest.mark.parametrize("direction", [None, FLIP, OBLIQUE, OBLIQUE @ FLIP])
def test_a_block_lies_where_simpleitk_puts_it(tmp_path, values, direction):
    image, file = write_block(tmp_path, values, direction=direction)
    scan = read_scan(file, whole_chest=False)
    assert np.array_equal(scan.hu, sitk.GetArrayFromImage(image).T)
    for index in [(0, 0, 0), (23, 0, 0), (0, 19, 0), (0, 0, 15), (11, 7, 3)]:
        x, y, z = image.TransformIndexToPhysicalPoint(index)
        assert np.allclose((scan.grid.affine @ [*index, 1])[:3], (-x, -y, z), atol=1e-3)


def test_a_change_of_its_place_changes_the_scan(tmp_path, values):
    _, file = write_block(tmp_path, values)
    assert scan_files(file) == [file, tmp_path / "metadata" / file.name]
    # the metadata are no scan of their own, nor is an array that stands alone
    np.save(tmp_path / "other.npy", values)
    assert [source.path for source in discover(tmp_path)] == [file]


def test_without_metadata_it_is_refused(tmp_path, values):
    _, file = write_block(tmp_path, values)
    (tmp_path / "metadata" / file.name).unlink()
    with pytest.raises(InputError, match=r"no \.\./metadata/1_2_20000102\.npy that gives them"):
        read_scan(file, whole_chest=False)


class _Tripwire:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return open, (str(self.file), "w")


class _Huge:
    def __reduce__(self):
        return np.ndarray, ((1 << 40,),)


class _Named:
    def __reduce__(self):
        return np.dtype, ("O",)


@pytest.mark.parametrize(
    "change",
    [
        lambda known, folder: known | {"origin": _Tripwire(folder / "ran")},
        lambda known, folder: _Tripwire(folder / "ran"),
        lambda known, folder: known | {"origin": _Huge()},
        lambda known, folder: known | {"origin": _Named()},
        lambda known, folder: known | {"origin": np.array(["a", "b", "c"])},
        lambda known, folder: known | {"spacing": np.ones(2)},
        lambda known, folder: {"origin": known["origin"]},
        lambda known, folder: [1, 2, 3],
        lambda known, folder: known | {"more": "x" * 100_000},
    ],
)
def test_metadata_of_other_things_are_refused_and_run_nothing(tmp_path, values, change):
    known = {"origin": np.zeros(3), "spacing": np.ones(3), "transform": np.eye(3)}
    _, file = write_block(tmp_path, values)
    content = np.empty((), dtype=object)
    content[()] = change(known, tmp_path)
    np.save(tmp_path / "metadata" / file.name, content)
    check, scan = check_scan(file, whole_chest=False)
    assert scan is None
    assert [finding.code for finding in check.findings] == ["damaged_file"]
    assert not (tmp_path / "ran").exists()


def test_a_pickle_in_place_of_voxels_is_refused(tmp_path, values):
    _, file = write_block(tmp_path, values)
    np.save(file, np.array([_Tripwire(tmp_path / "ran")], dtype=object))
    check, scan = check_scan(file, whole_chest=False)
    assert scan is None
    assert [finding.code for finding in check.findings] == ["not_a_scan"]
    file.write_bytes(pickle.dumps(_Tripwire(tmp_path / "ran")))
    assert check_scan(file, whole_chest=False)[1] is None
    assert not (tmp_path / "ran").exists()


def test_more_voxels_than_the_file_holds_are_refused(tmp_path, values):
    _, file = write_block(tmp_path, values)
    header = {"descr": "<i2", "fortran_order": False, "shape": (60_000, 512, 512)}
    with file.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
    check, scan = check_scan(file, whole_chest=False)
    assert scan is None
    assert [finding.code for finding in check.findings] == ["too_large"]

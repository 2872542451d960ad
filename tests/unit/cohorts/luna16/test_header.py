"""A header's grid is ITK's, and a fault is one line."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lungcam.cohorts.luna16 import read_grid
from lungcam.cohorts.luna16.header import read_whole_grid
from lungcam.errors import InputError

LPS_TO_RAS = np.array([-1, -1, 1])
HEADER = """ObjectType = Image
NDims = 3
TransformMatrix = 1 0 0 0 1 0 0 0 1
Offset = -21 -17.5 -300
ElementSpacing = 0.7 0.7 2.5
DimSize = 4 3 2
ElementType = MET_SHORT
ElementDataFile = scan.raw
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("headers")


directions = st.builds(
    lambda angles, order, signs: (
        Rotation.from_euler("xyz", angles).as_matrix() @ np.diag(signs)[:, order]
    ),
    st.tuples(*[st.floats(-3, 3)] * 3),
    st.permutations(range(3)),
    st.tuples(*[st.sampled_from((-1.0, 1.0))] * 3),
)


@settings(max_examples=60, deadline=None)
@given(
    directions,
    st.tuples(*[st.floats(0.3, 5)] * 3),
    st.tuples(*[st.floats(-500, 500)] * 3),
    st.tuples(*[st.integers(0, 4)] * 3),
)
def test_a_voxel_stands_where_itk_puts_it(image, folder, direction, spacing, origin, index):
    file = folder / "scan.mhd"
    sitk.WriteImage(image(direction, (5, 6, 7), spacing, origin), str(file))
    grid = read_grid(file)
    assert grid.shape == (5, 6, 7)
    expected = sitk.ReadImage(str(file)).TransformIndexToPhysicalPoint(index)
    assert np.allclose(grid.to_world(index), LPS_TO_RAS * expected, atol=1e-3)


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("TransformMatrix = 1 0 0 0 1 0 0 0 1", ""),
        ("TransformMatrix = 1 0 0 0 1 0 0 0 1", "TransformMatrix = 1 0 0 1 0 0 0 0 1"),
        ("Offset = -21 -17.5 -300", "Offset = -21 -17.5"),
        ("Offset = -21 -17.5 -300", "Offset = -21 -17.5 here"),
        ("ElementSpacing = 0.7 0.7 2.5", "ElementSpacing = 0.7 0 2.5"),
        ("DimSize = 4 3 2", "DimSize = 4 3 0"),
        ("DimSize = 4 3 2", "DimSize = 4 3"),
    ],
)
def test_a_header_that_places_no_volume_is_refused_in_one_line(tmp_path, line, other):
    file = tmp_path / "scan.mhd"
    file.write_text(HEADER.replace(line, other))
    with pytest.raises(InputError, match=r"scan\.mhd: .*copy or export") as caught:
        read_grid(file)
    assert "\n" not in str(caught.value)


def test_a_missing_header_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.mhd: cannot be opened"):
        read_grid(tmp_path / "none.mhd")


def test_voxels_must_be_there_and_whole(tmp_path):
    file = tmp_path / "scan.mhd"
    file.write_text(HEADER)
    with pytest.raises(InputError, match=r"scan\.raw, is missing"):
        read_whole_grid(file)
    (tmp_path / "scan.raw").write_bytes(bytes(47))
    with pytest.raises(InputError, match=r"scan\.raw, is cut short"):
        read_whole_grid(file)
    (tmp_path / "scan.raw").write_bytes(bytes(48))
    assert read_whole_grid(file).shape == (4, 3, 2)


def test_compressed_voxels_may_be_shorter(tmp_path, image):
    sitk.WriteImage(image(), str(tmp_path / "scan.mhd"), True)
    assert (tmp_path / "scan.zraw").stat().st_size < 60 * 50 * 12
    assert read_whole_grid(tmp_path / "scan.mhd").shape == (60, 50, 12)
    (tmp_path / "scan.zraw").write_bytes(b"")
    with pytest.raises(InputError, match="cut short"):
        read_whole_grid(tmp_path / "scan.mhd")

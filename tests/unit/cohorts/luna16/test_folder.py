"""What lies in a copy of LUNA16.

A header's grid is ITK's, and a fault is one line.
"""

import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lungcam.cohorts.luna16 import read_grid
from lungcam.cohorts.luna16.folder import look_through, read_whole_grid
from lungcam.errors import InputError


def test_the_subset_is_the_fold_at_any_depth(luna, tmp_path):
    luna({"1.2.3": (7, None), "1.2.4": (0, None)})
    luna({"1.2.5": (3, None)}, tmp_path / "more" / "subset9")
    luna({"1.2.6": (None, None)})
    found = look_through(tmp_path)
    assert {uid: scan.fold for uid, scan in found.scans.items()} == {
        "1.2.4": 0,
        "1.2.5": 3,
        "1.2.3": 7,
        "1.2.6": None,
    }
    assert list(found.scans) == ["1.2.4", "1.2.5", "1.2.3", "1.2.6"]
    assert found.notes == ("1 scan(s) lie in no folder subset0 to subset9 and have no fold.",)


def test_one_subset_may_be_the_root_with_the_tables_beside(luna, tmp_path, table):
    root = luna({"1.2.3": (4, None)}) / "subset4"
    table(tmp_path / "annotations.csv", "diameter_mm", [("1.2.3", 0, 0, 0, 5)])
    found = look_through(root)
    assert found.scans["1.2.3"].fold == 4
    assert found.table("annotations.csv") == tmp_path / "annotations.csv"


def test_lung_masks_of_the_same_names_are_no_scans(luna, tmp_path):
    luna({"1.2.3": (0, None)})
    shutil.copytree(tmp_path / "subset0", tmp_path / "seg-lungs-LUNA16")
    found = look_through(tmp_path)
    assert found.scans["1.2.3"].image == tmp_path / "subset0" / "1.2.3.mhd"
    assert found.notes == ()


def test_the_table_nearest_to_the_root_is_taken(luna, tmp_path, table):
    luna({"1.2.3": (0, None)})
    (tmp_path / "evaluationScript" / "annotations").mkdir(parents=True)
    deep = tmp_path / "evaluationScript" / "annotations"
    for folder in (deep, tmp_path):
        table(folder / "annotations.csv", "diameter_mm", [("1.2.3", 0, 0, 0, 5)])
    table(deep / "annotations_excluded.csv", "diameter_mm", [("1.2.3", 0, 0, 0, -1)])
    found = look_through(tmp_path)
    assert found.tables == {
        "annotations.csv": tmp_path / "annotations.csv",
        "annotations_excluded.csv": deep / "annotations_excluded.csv",
    }
    with pytest.raises(InputError, match=r"no candidates_V2\.csv below or beside it; copy it"):
        found.table("candidates_V2.csv")


def test_faulty_and_repeated_scans_are_left_out_and_told(luna, tmp_path):
    luna({"1.2.3": (0, None), "1.2.4": (0, None), "1.2.5": (1, None)})
    luna({"1.2.5": (2, None)})
    (tmp_path / "subset0" / "1.2.4.raw").unlink()
    (tmp_path / "subset0" / "notes.mhd").write_text("not a scan")
    found = look_through(tmp_path)
    assert list(found.scans) == ["1.2.3", "1.2.5"]
    assert found.scans["1.2.5"].fold == 1
    faulty, repeated = found.notes
    assert faulty.startswith("1 scan(s) left out, the first is ")
    assert "1.2.4.raw, is missing beside it" in faulty
    assert repeated == "1 file(s) repeat a scan and are left out."


def test_nothing_usable_names_the_remedy(luna, tmp_path):
    with pytest.raises(InputError, match=r"nowhere: there is no such folder; set data\.root"):
        look_through(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no scan <series UID>\.mhd lies below it; unpack"):
        look_through(tmp_path)
    luna({"1.2.3": (0, None)})
    (tmp_path / "subset0" / "1.2.3.raw").unlink()
    with pytest.raises(InputError, match=r"1\.2\.3\.raw, is missing beside it; copy it too"):
        look_through(tmp_path)


def test_names_are_short_where_that_tells_scans_apart(luna, tmp_path):
    luna({"9.1234567890123": (0, None), "9.8234567890123": (0, None), "9.1111567890124": (0, None)})
    luna({"1.2.3": (0, None)})
    assert look_through(tmp_path).names == {
        "9.1234567890123": "9.1234567890123",
        "9.8234567890123": "9.8234567890123",
        "9.1111567890124": "111567890124",
        "1.2.3": "1.2.3",
    }


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

"""Scans and tables of a copy of LUNA16, and grids of MetaImage headers."""

import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lungcam.cohorts.luna16 import read_grid
from lungcam.cohorts.luna16.folder import read_complete_grid, read_folder
from lungcam.errors import InputError


def test_the_subset_is_the_fold_at_any_depth(luna, tmp_path):
    luna({"1.2.3": (7, None), "1.2.4": (0, None)})
    luna({"1.2.5": (3, None)}, tmp_path / "more" / "subset9")
    luna({"1.2.6": (None, None)})
    folder = read_folder(tmp_path)
    assert {uid: scan.fold for uid, scan in folder.scans.items()} == {
        "1.2.4": 0,
        "1.2.5": 3,
        "1.2.3": 7,
        "1.2.6": None,
    }
    assert list(folder.scans) == ["1.2.4", "1.2.5", "1.2.3", "1.2.6"]
    assert folder.notes == ("1 scan(s) are in no folder subset0 to subset9 and have no fold.",)


def test_a_single_subset_can_be_the_root_with_the_tables_next_to_it(luna, tmp_path, table):
    root = luna({"1.2.3": (4, None)}) / "subset4"
    table(tmp_path / "annotations.csv", "diameter_mm", [("1.2.3", 0, 0, 0, 5)])
    folder = read_folder(root)
    assert folder.scans["1.2.3"].fold == 4
    assert folder.table("annotations.csv") == tmp_path / "annotations.csv"


def test_lung_masks_with_the_names_of_scans_are_ignored(luna, tmp_path):
    luna({"1.2.3": (0, None)})
    shutil.copytree(tmp_path / "subset0", tmp_path / "seg-lungs-LUNA16")
    folder = read_folder(tmp_path)
    assert folder.scans["1.2.3"].image == tmp_path / "subset0" / "1.2.3.mhd"
    assert folder.notes == ()


def test_the_table_nearest_to_the_root_is_used(luna, tmp_path, table):
    luna({"1.2.3": (0, None)})
    (tmp_path / "evaluationScript" / "annotations").mkdir(parents=True)
    deep = tmp_path / "evaluationScript" / "annotations"
    for folder in (deep, tmp_path):
        table(folder / "annotations.csv", "diameter_mm", [("1.2.3", 0, 0, 0, 5)])
    table(deep / "annotations_excluded.csv", "diameter_mm", [("1.2.3", 0, 0, 0, -1)])
    folder = read_folder(tmp_path)
    assert folder.tables == {
        "annotations.csv": tmp_path / "annotations.csv",
        "annotations_excluded.csv": deep / "annotations_excluded.csv",
    }
    with pytest.raises(InputError, match=r"no candidates_V2\.csv below or next to it; copy it"):
        folder.table("candidates_V2.csv")


def test_faulty_and_repeated_scans_are_left_out_with_a_note(luna, tmp_path):
    luna({"1.2.3": (0, None), "1.2.4": (0, None), "1.2.5": (1, None)})
    luna({"1.2.5": (2, None)})
    (tmp_path / "subset0" / "1.2.4.raw").unlink()
    (tmp_path / "subset0" / "notes.mhd").write_text("not a scan")
    folder = read_folder(tmp_path)
    assert list(folder.scans) == ["1.2.3", "1.2.5"]
    assert folder.scans["1.2.5"].fold == 1
    faulty, repeated = folder.notes
    assert faulty.startswith("1 scan(s) left out, the first is ")
    assert "1.2.4.raw, is missing next to it" in faulty
    assert repeated == "1 file(s) repeat a scan and are left out."


def test_a_folder_without_usable_scans_is_refused_with_a_remedy(luna, tmp_path):
    with pytest.raises(InputError, match=r"nowhere: there is no such folder; set data\.root"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no scan <series UID>\.mhd lies below it; unpack"):
        read_folder(tmp_path)
    luna({"1.2.3": (0, None)})
    (tmp_path / "subset0" / "1.2.3.raw").unlink()
    with pytest.raises(InputError, match=r"1\.2\.3\.raw, is missing next to it; copy it too"):
        read_folder(tmp_path)


def test_names_are_short_if_the_ends_of_the_uids_differ(luna, tmp_path):
    luna({"9.1234567890123": (0, None), "9.8234567890123": (0, None), "9.1111567890124": (0, None)})
    luna({"1.2.3": (0, None)})
    assert read_folder(tmp_path).names == {
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
def test_voxel_positions_are_those_of_itk(image, folder, direction, spacing, origin, index):
    file = folder / "scan.mhd"
    sitk.WriteImage(image(direction, (5, 6, 7), spacing, origin), str(file))
    grid = read_grid(file)
    assert grid.shape == (5, 6, 7)
    expected = sitk.ReadImage(str(file)).TransformIndexToPhysicalPoint(index)
    assert np.allclose(grid.to_world(index), LPS_TO_RAS * expected, atol=1e-3)


@pytest.mark.parametrize(
    ("line", "replacement"),
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
def test_a_header_that_places_no_volume_is_refused_in_one_line(tmp_path, line, replacement):
    file = tmp_path / "scan.mhd"
    file.write_text(HEADER.replace(line, replacement))
    with pytest.raises(InputError, match=r"scan\.mhd: .*copy or export") as caught:
        read_grid(file)
    assert "\n" not in str(caught.value)


def test_a_missing_header_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.mhd: cannot be opened"):
        read_grid(tmp_path / "none.mhd")


def test_missing_or_short_voxels_are_refused(tmp_path):
    file = tmp_path / "scan.mhd"
    file.write_text(HEADER)
    with pytest.raises(InputError, match=r"scan\.raw, is missing"):
        read_complete_grid(file)
    (tmp_path / "scan.raw").write_bytes(bytes(47))
    with pytest.raises(InputError, match=r"scan\.raw, is cut short"):
        read_complete_grid(file)
    (tmp_path / "scan.raw").write_bytes(bytes(48))
    assert read_complete_grid(file).shape == (4, 3, 2)


def test_compressed_voxels_can_be_shorter(tmp_path, image):
    sitk.WriteImage(image(), str(tmp_path / "scan.mhd"), True)
    assert (tmp_path / "scan.zraw").stat().st_size < 60 * 50 * 12
    assert read_complete_grid(tmp_path / "scan.mhd").shape == (60, 50, 12)
    (tmp_path / "scan.zraw").write_bytes(b"")
    with pytest.raises(InputError, match="cut short"):
        read_complete_grid(tmp_path / "scan.mhd")

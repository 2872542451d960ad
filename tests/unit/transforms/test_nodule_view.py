"""Where a nodule is shown: a wrong centre of a crop is told, one of a whole scan refused."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lungcam.cohorts.table import table_cohort
from lungcam.grid import Grid
from lungcam.transforms import is_crop, place_center

CROP = Grid((40, 40, 8), np.diag([-1.0, -1.0, 2.5, 1.0]))
CHEST = Grid((200, 200, 60), np.diag([1.5, 1.5, 5.0, 1.0]))


@pytest.mark.parametrize(
    ("extent_mm", "crop"),
    [
        ((30, 30, 10), True),
        ((300, 300, 99.9), True),
        ((100, 100, 100), False),
        ((40, 400, 400), True),
    ],
)
def test_what_is_short_along_any_axis_is_a_crop(extent_mm, crop):
    assert is_crop(extent_mm) is crop


def test_a_centre_within_is_taken_as_it_is():
    for center in ((0, 0, 0), (-20.5, -3, 9), (-39.4, 0.4, 18.7)):
        assert place_center(CROP, center) == (center, [])
        assert place_center(CHEST, np.abs(center)) is not None


def test_no_centre_is_the_middle_and_no_finding():
    assert place_center(CROP, None) == (None, [])
    assert place_center(CHEST, None) == (None, [])


@pytest.mark.parametrize(
    ("center", "mm"),
    [
        # by hand: along x the crop reaches from 0.5 to -39.5, along z from -1.25 to 18.75
        ((1.5, -10, 0), "1.0"),
        ((-49.5, -10, 0), "10.0"),
        ((-10, -10, 21.25), "2.5"),
        ((-10, -10, -3.75), "2.5"),
        ((3.5, -10, 22.75), "5.0"),
    ],
)
def test_the_middle_of_a_crop_is_shown_where_its_centre_lies_outside(center, mm):
    place, (finding,) = place_center(CROP, center)
    assert place is None
    assert (finding.code, finding.outcome) == ("center_outside", "flagged")
    assert f"its centre lies {mm} mm outside the image" in finding.message
    assert "the crop's middle is shown" in finding.sentence


def test_a_whole_scan_is_refused_with_words_on_lps_and_ras():
    with pytest.raises(ValueError, match=r"centre lies 50\.0 mm outside the image.*LPS or RAS"):
        place_center(CHEST, (-50.75, 10, 10))


def test_a_rounded_coordinate_on_the_face_is_within():
    assert place_center(CROP, (0.505, 0, 0))[1] == []
    assert place_center(CROP, (0.52, 0, 0))[1] != []


@settings(deadline=None)
@given(
    st.tuples(*[st.floats(-180, 180)] * 3),
    st.tuples(*[st.floats(0.5, 5)] * 3),
    st.tuples(*[st.integers(1, 12)] * 3),
    st.tuples(*[st.floats(0, 1)] * 3),
    st.integers(0, 2),
    st.floats(0.1, 300),
    st.booleans(),
)
def test_the_distance_is_that_to_the_face(degrees, spacing, shape, share, axis, beyond, low):
    """However the crop lies: a point on a face, moved out along the face's normal."""
    affine = np.eye(4)
    rotation = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    affine[:3, :3] = rotation * spacing
    affine[:3, 3] = (-30, 50, 700)
    at = Grid(shape, affine)
    index = np.array(share) * shape - 0.5
    assert place_center(at, tuple(at.to_world(index)))[1] == []
    index[axis] = -0.5 if low else shape[axis] - 0.5
    outside = at.to_world(index) + rotation[:, axis] * (-beyond if low else beyond)
    place, (finding,) = place_center(at, outside)
    assert place is None
    told = float(finding.message.split(" lies ")[1].split(" mm")[0])
    assert told == pytest.approx(beyond, abs=0.0501)


def test_one_of_the_public_crops_has_its_centre_outside(sample_data):
    cohort = table_cohort(str(sample_data / "lidc_nodules" / "nodules.csv"), {})
    outside = []
    for sample in cohort.samples:
        header = nib.load(sample.image)
        if place_center(Grid(header.shape, header.affine), sample.center_mm)[1]:
            outside.append(sample.sample_id)
    assert outside == ["LIDC-IDRI-0332_R_1"]

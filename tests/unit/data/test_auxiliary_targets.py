"""Attributes as standardised targets, against scipy's z-scores; nodules as balls on a grid."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import zscore

from lungcam.cohorts.sample import Sample, ScanNodule
from lungcam.data.auxiliary_targets import (
    attribute_table,
    nodule_share,
    nodule_table,
    standardise,
)
from lungcam.data.lesion_mask import FULL_SHARE
from lungcam.errors import InputError
from lungcam.grid import Grid


def test_diameters_are_logarithms_and_features_are_unchanged(crops):
    first, second, third = crops[:3]
    samples = [
        replace(first, diameter_mm=10.0, features={"margin": 4.0, "age": 60.0}),
        replace(second, diameter_mm=None, features={"margin": 2.0}),
        # a diameter of 0 means no nodule and has no logarithm
        replace(third, diameter_mm=0.0),
    ]
    result = attribute_table(samples, ["margin", "diameter_mm", "texture"])
    nan = np.nan
    expected = [[4, np.log(10), nan], [2, nan, nan], [nan, nan, nan]]
    assert np.array_equal(result, expected, equal_nan=True)
    assert attribute_table(samples, []).shape == (3, 0)


@given(
    arrays(float, (9, 2), elements=st.integers(-1000, 1000)),
    arrays(bool, 9, elements=st.booleans()),
)
def test_attributes_are_standardised_over_their_known_values(known, unknown):
    known[unknown, 0] = np.nan
    assume(all(len(np.unique(column[~np.isnan(column)])) > 1 for column in known.T))
    result = standardise(known, ["a", "b"])
    assert result.dtype == np.float32
    assert np.array_equal(np.isnan(result), np.isnan(known))
    expected = zscore(known, nan_policy="omit")
    assert np.allclose(result, expected, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([np.nan] * 3, "margin is known for no training sample; name it in data.features"),
        ([2.0, np.nan, 2.0], "margin is the same in all; take it out"),
    ],
)
def test_an_unknown_or_constant_attribute_is_refused(column, message):
    known = np.column_stack([[1.0, 2.0, 3.0], column])
    with pytest.raises(InputError, match=f"^model.attributes: {message}") as caught:
        standardise(known, ["texture", "margin"])
    assert "\n" not in str(caught.value)


TARGET = Grid((12, 10, 9), np.eye(4))


def sample(name: str, **known) -> Sample:
    return Sample(
        sample_id=name,
        patient_id=name,
        image=Path(f"{name}.nii.gz"),
        label=1,
        label_source="by hand",
        **known,
    )


def test_nodules_of_a_scan_that_count_precede_the_samples_own():
    nodules = (ScanNodule((1, 2, 3), 5, True), ScanNodule((4, 5, 6), 7, False))
    table = nodule_table(
        [
            sample("unknown"),
            sample("all", center_mm=(1, 2, 3), diameter_mm=5.0, nodules=nodules),
            sample("unmeasured", center_mm=(1, 1, 1)),
            sample("own", center_mm=(7, 8, 9), diameter_mm=4.0),
        ]
    )
    assert table.tolist() == [[1, 1, 2, 3, 5], [3, 7, 8, 9, 4]]
    assert nodule_table([sample("unknown")]).shape == (0, 5)


def test_the_share_of_several_nodules_is_the_maximum():
    table = np.array([[0, 5, 5, 4, 4], [2, 3, 3, 3, 4], [2, 8, 6, 5, 3], [3, 5, 5, 4, 4]])
    share = nodule_share(table, 2, grid=TARGET)
    first, second = (nodule_share(table[[row]], 2, grid=TARGET) for row in (1, 2))
    assert np.array_equal(share, np.maximum(first, second))
    assert share[3, 3, 3] == share[8, 6, 5] == FULL_SHARE
    # voxels of 1 mm: a ball's volume in voxels
    volume = np.pi / 6 * (4**3 + 3**3)
    assert share.sum() / FULL_SHARE == pytest.approx(volume, rel=0.04)
    assert not nodule_share(table, 1, grid=TARGET).any()

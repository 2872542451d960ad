"""Attributes as numbers to learn from, against scipy's z-scores."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import zscore

from lungcam.data.attributes import attribute_table, standardise
from lungcam.errors import InputError


def test_diameters_are_logarithms_and_the_rest_as_they_are(crops):
    one, two, three = crops[:3]
    samples = [
        replace(one, diameter_mm=10.0, features={"margin": 4.0, "age": 60.0}),
        replace(two, diameter_mm=None, features={"margin": 2.0}),
        # known to have none: a size of nothing has no logarithm
        replace(three, diameter_mm=0.0),
    ]
    found = attribute_table(samples, ["margin", "diameter_mm", "texture"])
    nan = np.nan
    expected = [[4, np.log(10), nan], [2, nan, nan], [nan, nan, nan]]
    assert np.array_equal(found, expected, equal_nan=True)
    assert attribute_table(samples, []).shape == (3, 0)


@given(
    arrays(float, (9, 2), elements=st.integers(-1000, 1000)),
    arrays(bool, 9, elements=st.booleans()),
)
def test_standardised_over_what_is_known(known, unknown):
    known[unknown, 0] = np.nan
    assume(all(len(np.unique(one[~np.isnan(one)])) > 1 for one in known.T))
    found = standardise(known, ["a", "b"])
    assert found.dtype == np.float32
    assert np.array_equal(np.isnan(found), np.isnan(known))
    expected = zscore(known, nan_policy="omit")
    assert np.allclose(found, expected, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ([np.nan] * 3, "margin is known of no training sample; name it in data.features"),
        ([2.0, np.nan, 2.0], "margin is the same in all; take it out"),
    ],
)
def test_what_nothing_can_be_learnt_from_is_refused(column, says):
    known = np.column_stack([[1.0, 2.0, 3.0], column])
    with pytest.raises(InputError, match=f"^model.attributes: {says}") as caught:
        standardise(known, ["texture", "margin"])
    assert "\n" not in str(caught.value)

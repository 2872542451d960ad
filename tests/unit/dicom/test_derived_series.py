import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lungcam.dicom import source_of, write_heat_slices
from lungcam.dicom.derived_series import to_16_bits
from lungcam.runtime.atomic import atomic_write
from lungcam.runtime.written import NAME, keep_record
from lungcam.scans import check_scan


@given(
    arrays(
        np.float32,
        (2, 3, 4),
        elements=st.just(0.0) | st.floats(-1e3, 1e3, width=32).filter(lambda x: abs(x) > 1e-6),
    )
)
def test_sixteen_bits_keep_the_peaks_unique_and_zero_at_zero(values):
    stored, slope = to_16_bits(values)
    assert np.abs(stored * slope - values).max() <= 1.001 * slope
    assert (stored[values == 0] == 0).all()
    if values.max() > 0:
        assert np.array_equal(stored == stored.max(), values == values.max())
    if values.min() < 0:
        assert np.array_equal(stored == stored.min(), values == values.min())


def test_slices_of_an_earlier_result_are_removed(tmp_path, series, heat, description):
    source = source_of(series(tmp_path / "scan"))
    keep_record(tmp_path / "slices")
    with atomic_write(tmp_path / "slices" / "0011.dcm") as temporary:
        temporary.write_bytes(b"old")
    (tmp_path / "slices" / "0012.dcm").write_bytes(b"the user's own")
    (tmp_path / "slices" / "notes.txt").write_text("the user's own")
    write_heat_slices(tmp_path / "slices", source, heat=heat, description=description)
    names = sorted(file.name for file in (tmp_path / "slices").iterdir())
    assert names == [NAME, *(f"{k:04d}.dcm" for k in range(1, 11)), "0012.dcm", "notes.txt"]


def test_derived_series_is_refused_as_a_scan(tmp_path, series, heat, description):
    write_heat_slices(
        tmp_path / "slices",
        source_of(series(tmp_path / "scan")),
        heat=heat,
        description=description,
    )
    check, scan = check_scan(tmp_path / "slices")
    assert scan is None
    assert "not_hu" in {finding.code for finding in check.findings}

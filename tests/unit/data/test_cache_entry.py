"""A prepared input's file gives back what was stored, or says that it is damaged."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lungcam.data.cache_entry import DTYPES, DamagedEntry, read_entry, write_entry

ARRAYS = {
    "input": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "lungs": np.array([[[True], [False]]]),
}
FACTS = {"affine": np.eye(4).tolist(), "pixels": "abc", "quality": {"ml": 0.1}, "findings": []}


def sound(file) -> bool:
    """Whether nothing about an entry is found to be damaged."""
    try:
        entry = read_entry(file)
    except DamagedEntry:
        return False
    return all(entry.is_intact(name) for name in entry.arrays)


arrays = hnp.arrays(
    st.sampled_from([np.dtype(kind) for kind in DTYPES]), hnp.array_shapes(max_dims=4, max_side=6)
)


@settings(deadline=None, max_examples=50)
@given(
    kept=st.dictionaries(st.text(max_size=8), arrays, max_size=4),
    facts=st.dictionaries(st.text(max_size=4), st.floats(allow_nan=False) | st.text(max_size=9)),
)
def test_what_was_stored_is_read_back(tmp_path_factory, kept, facts):
    file = tmp_path_factory.getbasetemp() / "property" / "key.prepared"
    write_entry(file, facts, arrays=kept)
    entry = read_entry(file)
    assert dict(entry.facts) == facts
    assert set(entry.arrays) == set(kept)
    for name, array in kept.items():
        assert entry.array(name).dtype == array.dtype
        assert entry.array(name).shape == array.shape
        assert entry.array(name).tobytes() == array.tobytes()
        assert entry.is_intact(name)
    assert [path.name for path in file.parent.iterdir()] == ["key.prepared"]


def test_an_array_is_mapped_where_a_plain_memmap_finds_it(tmp_path):
    file = tmp_path / "a"
    write_entry(file, FACTS, arrays=ARRAYS)
    entry = read_entry(file)
    shown, place = entry.array("input"), entry.arrays["input"]
    assert not shown.flags.writeable
    assert not shown.flags.owndata
    assert shown.flags.aligned
    assert (entry.begin + place.offset) % 64 == 0
    mapped = np.memmap(file, place.dtype, "r", entry.begin + place.offset, place.shape)
    assert np.array_equal(mapped, ARRAYS["input"])


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_same_input_gives_the_same_bytes(tmp_path, order):
    write_entry(tmp_path / "a", FACTS, arrays=ARRAYS)
    laid = {name: np.asarray(array, order=order) for name, array in ARRAYS.items()}
    write_entry(tmp_path / "b", dict(reversed(FACTS.items())), arrays=laid)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_big_endian_and_backward_arrays_are_kept_by_value(tmp_path):
    write_entry(tmp_path / "a", {}, arrays={"x": np.arange(4, dtype=">f4")[::-1]})
    assert read_entry(tmp_path / "a").array("x").tolist() == [3, 2, 1, 0]


def test_what_could_run_code_is_not_kept(tmp_path):
    with pytest.raises(TypeError, match="x: arrays of object"):
        write_entry(tmp_path / "a", {}, arrays={"x": np.array([{}], dtype=object)})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_as_one_that_is_damaged(tmp_path):
    with pytest.raises(DamagedEntry, match="gone"):
        read_entry(tmp_path / "gone")


def test_a_file_cut_short_anywhere_is_found_by_its_header_alone(tmp_path):
    write_entry(tmp_path / "a", FACTS, arrays=ARRAYS)
    whole = (tmp_path / "a").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "b").write_bytes(whole[:length])
        with pytest.raises(DamagedEntry):
            read_entry(tmp_path / "b")
    (tmp_path / "b").write_bytes(whole + b"\0")
    with pytest.raises(DamagedEntry):
        read_entry(tmp_path / "b")


def test_a_changed_byte_is_found_wherever_it_counts(tmp_path):
    write_entry(tmp_path / "a", FACTS, arrays=ARRAYS)
    whole = (tmp_path / "a").read_bytes()
    passed = []
    for at in range(len(whole)):
        (tmp_path / "b").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        if sound(tmp_path / "b"):
            passed.append(at)
    # only the bytes that fill up to the next array hold nothing
    assert all(whole[at] == 0 for at in passed)
    assert len(passed) < 64 * 3


@settings(deadline=None, max_examples=100)
@given(content=st.binary(max_size=200))
def test_any_other_file_is_damaged(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "other"
    file.write_bytes(content)
    assert not sound(file)


def test_what_is_mapped_outlives_its_replacement(tmp_path):
    file = tmp_path / "a"
    write_entry(file, {}, arrays={"x": np.zeros(100_000)})
    entry = read_entry(file)
    write_entry(file, {}, arrays={"x": np.ones(10)})
    assert entry.array("x").sum() == 0
    assert entry.is_intact("x")
    os.unlink(file)
    assert entry.array("x").shape == (100_000,)

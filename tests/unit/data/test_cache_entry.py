"""An entry of the cache returns what was stored, or is reported as damaged."""

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


def is_sound(file) -> bool:
    """Return True if no damage of an entry is detected."""
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
    stored=st.dictionaries(st.text(max_size=8), arrays, max_size=4),
    facts=st.dictionaries(st.text(max_size=4), st.floats(allow_nan=False) | st.text(max_size=9)),
)
def test_stored_arrays_and_facts_are_read_back(tmp_path_factory, stored, facts):
    file = tmp_path_factory.getbasetemp() / "property" / "key.prepared"
    write_entry(file, facts, arrays=stored)
    entry = read_entry(file)
    assert dict(entry.facts) == facts
    assert set(entry.arrays) == set(stored)
    for name, array in stored.items():
        assert entry.array(name).dtype == array.dtype
        assert entry.array(name).shape == array.shape
        assert entry.array(name).tobytes() == array.tobytes()
        assert entry.is_intact(name)
    assert [path.name for path in file.parent.iterdir()] == ["key.prepared"]


def test_an_array_is_mapped_like_a_plain_memmap(tmp_path):
    file = tmp_path / "a"
    write_entry(file, FACTS, arrays=ARRAYS)
    entry = read_entry(file)
    array, stored = entry.array("input"), entry.arrays["input"]
    assert not array.flags.writeable
    assert not array.flags.owndata
    assert array.flags.aligned
    assert (entry.begin + stored.offset) % 64 == 0
    mapped = np.memmap(file, stored.dtype, "r", entry.begin + stored.offset, stored.shape)
    assert np.array_equal(mapped, ARRAYS["input"])


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_same_input_gives_the_same_bytes(tmp_path, order):
    write_entry(tmp_path / "a", FACTS, arrays=ARRAYS)
    reordered = {name: np.asarray(array, order=order) for name, array in ARRAYS.items()}
    write_entry(tmp_path / "b", dict(reversed(FACTS.items())), arrays=reordered)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_big_endian_and_reversed_arrays_are_stored_by_value(tmp_path):
    write_entry(tmp_path / "a", {}, arrays={"x": np.arange(4, dtype=">f4")[::-1]})
    assert read_entry(tmp_path / "a").array("x").tolist() == [3, 2, 1, 0]


def test_objects_that_could_run_code_are_not_stored(tmp_path):
    with pytest.raises(TypeError, match="x: arrays of object"):
        write_entry(tmp_path / "a", {}, arrays={"x": np.array([{}], dtype=object)})
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_reported_as_damaged(tmp_path):
    with pytest.raises(DamagedEntry, match="gone"):
        read_entry(tmp_path / "gone")


def test_a_truncated_file_is_detected_by_its_header_alone(tmp_path):
    write_entry(tmp_path / "a", FACTS, arrays=ARRAYS)
    whole = (tmp_path / "a").read_bytes()
    for length in range(len(whole)):
        (tmp_path / "b").write_bytes(whole[:length])
        with pytest.raises(DamagedEntry):
            read_entry(tmp_path / "b")
    (tmp_path / "b").write_bytes(whole + b"\0")
    with pytest.raises(DamagedEntry):
        read_entry(tmp_path / "b")


def test_a_changed_byte_is_detected_except_in_padding(tmp_path):
    write_entry(tmp_path / "a", FACTS, arrays=ARRAYS)
    whole = (tmp_path / "a").read_bytes()
    undetected = []
    for position in range(len(whole)):
        content = bytearray(whole)
        content[position] ^= 1
        (tmp_path / "b").write_bytes(content)
        if is_sound(tmp_path / "b"):
            undetected.append(position)
    # only the padding up to the next array has no checksum
    assert all(whole[position] == 0 for position in undetected)
    assert len(undetected) < 64 * 3


@settings(deadline=None, max_examples=100)
@given(content=st.binary(max_size=200))
def test_any_other_file_is_reported_as_damaged(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "other"
    file.write_bytes(content)
    assert not is_sound(file)


def test_a_mapped_array_outlives_the_replacement_of_its_file(tmp_path):
    file = tmp_path / "a"
    write_entry(file, {}, arrays={"x": np.zeros(100_000)})
    entry = read_entry(file)
    write_entry(file, {}, arrays={"x": np.ones(10)})
    assert entry.array("x").sum() == 0
    assert entry.is_intact("x")
    os.unlink(file)
    assert entry.array("x").shape == (100_000,)

"""Pause of the garbage collector and its restoration."""

import gc

import pytest

from lungcam.runtime.garbage import garbage_collection_paused


@pytest.fixture(autouse=True)
def enabled():
    """Enable the collector after each test."""
    yield
    gc.enable()


@pytest.mark.parametrize("before", [True, False])
def test_the_collector_is_paused_and_restored(before):
    (gc.enable if before else gc.disable)()
    with garbage_collection_paused():
        assert not gc.isenabled()
    assert gc.isenabled() is before


def test_the_collector_is_restored_after_an_error():
    with pytest.raises(ValueError, match="stop"), garbage_collection_paused():
        raise ValueError("stop")
    assert gc.isenabled()

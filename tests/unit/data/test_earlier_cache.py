"""Inputs that the previous version prepared are used while the preparing code is equal."""

import pytest

from lungcam.data import earlier_cache, plan
from lungcam.data.cache_key import cache_key
from lungcam.data.prepare import SUFFIX, prepare_cohort
from lungcam.transforms import NoduleView, pipeline

DESCRIPTION = (
    "Compose([lungcam.transforms.nodule_view.NoduleView(spacing_mm=1.0), "
    "lungcam.transforms.intensity.ZeroCentre()])"
)
# computed by the previous version's own code, with every library at version 1
EARLIER_KEY = "daf647f84c673c8a54f9d67227467d46"


@pytest.fixture
def equal_code(monkeypatch):
    """Take the present code as equal to the previous version's, whatever has changed since."""
    record = earlier_cache._record()
    monkeypatch.setattr(earlier_cache, "source_hash", lambda sources: record["equal_to"])
    earlier_cache.earlier_code_version.cache_clear()
    yield
    earlier_cache.earlier_code_version.cache_clear()


def test_keys_equal_those_of_the_previous_version(equal_code, monkeypatch):
    monkeypatch.setattr("lungcam.data.cache_key._version", lambda name: "1")
    code = earlier_cache.code_version.__wrapped__(tuple(earlier_cache._record()["sources"].items()))
    description = earlier_cache.earlier_description(DESCRIPTION)
    key = cache_key(
        "content", "1.2", center_mm=(1, 2, 3), transforms=description, lesion="mask", code=code
    )
    assert key == EARLIER_KEY


def test_no_earlier_entry_is_used_once_the_code_has_changed(monkeypatch):
    monkeypatch.setattr(earlier_cache, "source_hash", lambda sources: "another")
    assert earlier_cache.earlier_code_version.__wrapped__() is None


@pytest.mark.usefixtures("one_processor")
@pytest.mark.parametrize("damaged", [False, True])
def test_an_earlier_entry_is_used_unless_it_is_damaged(crops, tmp_path, equal_code, damaged):
    transforms = pipeline({"view": NoduleView(shape=(16, 16, 16))})
    planned = plan(crops[:1], transforms, root=tmp_path)
    (file,) = prepare_cohort(planned, transforms).files.values()
    earlier = file.with_name(f"{earlier_key(crops[0], transforms)}{SUFFIX}")
    file.rename(earlier)
    if damaged:
        earlier.write_bytes(b"")
    again = plan(crops[:1], transforms, root=tmp_path)
    assert list(again.files.values()) == [file if damaged else earlier]
    assert len(again.jobs) == damaged


def earlier_key(sample, transforms) -> str:
    from lungcam.data.cache_key import content_hash, describe

    return cache_key(
        content_hash(sample.image),
        sample.series,
        center_mm=sample.center_mm,
        transforms=earlier_cache.earlier_description(describe(transforms)),
        code=earlier_cache.earlier_code_version(),
    )

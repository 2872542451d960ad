"""Written samples read back unchanged."""

import csv
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam.cohorts import Sample
from lungcam.cohorts.identifiers import NOBODY, identifier
from lungcam.cohorts.table import read_samples, table_cohort, write_samples

words = st.text(
    st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=12
).filter(lambda text: text == text.strip() and identifier(text, nobody=NOBODY))
names = st.from_regex(r"[A-Za-z0-9_][\w.\-]{0,10}", fullmatch=True)
# a patient with the name of a series would be replaced by that series' other patient
people = words.filter(lambda text: not text.startswith("1."))
series = words.map("1.{}".format)
files = words.filter(lambda text: "/" not in text and text.strip(".") and text[0] != "~")
positions = st.tuples(*[st.floats(-2000, 2000)] * 3)


def optional(strategy):
    """Return a strategy that may give None."""
    return st.one_of(st.none(), strategy)


@st.composite
def tables(draw) -> list[dict]:
    """Draw the fields of one to four samples."""
    return [
        {
            "sample_id": name,
            "patient_id": draw(people),
            "image": draw(st.lists(files, min_size=1, max_size=2)),
            "label": draw(st.sampled_from([0, 1, None])),
            "study_uid": draw(optional(words)),
            "series_uid": draw(optional(series)),
            "center_mm": draw(optional(positions)),
            "diameter_mm": draw(optional(st.floats(0, 100))),
            "lesion_mask": draw(optional(files)),
            "fold": draw(optional(st.integers(0, 9))),
            "time_days": draw(optional(st.floats(0, 4000))),
            "event": draw(optional(st.booleans())),
            "features": draw(
                st.dictionaries(st.sampled_from(["age", "pack years"]), st.floats(-1e6, 1e6))
            ),
        }
        for name in draw(st.lists(names, min_size=1, max_size=4, unique=True))
    ]


@settings(deadline=None, max_examples=60)
@given(tables())
def test_written_samples_read_back(tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("table")
    samples = [
        Sample(
            **row
            | {
                "image": (folder / "images").joinpath(*row["image"]),
                "lesion_mask": row["lesion_mask"] and folder / "masks" / row["lesion_mask"],
                "label_source": "a test",
            }
        )
        for row in table
    ]
    file = folder / "run" / "samples.csv"
    write_samples(file, samples, label_rule="a rule")
    features = sorted({name for sample in samples for name in sample.features})
    cohort = table_cohort(str(file), {}, features=features)
    for before, single, after in zip(
        samples, read_samples(file, {})[0], cohort.samples, strict=True
    ):
        for result in (single, after):
            for name in ("sample_id", "patient_id", "label", "study_uid", "series_uid"):
                assert getattr(result, name) == getattr(before, name), name
            for name in ("diameter_mm", "fold", "time_days", "event"):
                assert getattr(result, name) == getattr(before, name), name
            assert result.center_mm == (
                None if before.center_mm is None else pytest.approx(before.center_mm, abs=1e-3)
            )
            assert os.path.abspath(result.image) == str(before.image)
            assert (result.lesion_mask and os.path.abspath(result.lesion_mask)) == (
                before.lesion_mask and str(before.lesion_mask)
            )
        assert dict(after.features) == before.features


def sample(**fields) -> Sample:
    return Sample(
        sample_id="a", patient_id="p", image=Path("a.nii"), label=1, label_source="me", **fields
    )


def test_the_file_has_lps_coordinates_and_relative_paths(tmp_path):
    write_samples(
        tmp_path / "samples.csv", [sample(center_mm=(10, -20, 30.12345))], label_rule="a rule"
    )
    with (tmp_path / "samples.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert [float(row[f"coord{axis}"]) for axis in "XYZ"] == pytest.approx(
        [-10, 20, 30.1235], abs=1e-4
    )
    assert row["image"] == os.path.relpath("a.nii", tmp_path)
    assert row["diameter_mm"] == row["mask"] == row["event"] == ""


def test_a_centre_at_the_origin_is_kept(tmp_path):
    write_samples(
        tmp_path / "samples.csv", [sample(center_mm=(0.0, 0.0, 0.0))], label_rule="a rule"
    )
    (result,), _ = read_samples(tmp_path / "samples.csv", {})
    assert result.center_mm == (0, 0, 0)


def test_a_table_can_be_moved_with_its_images(tmp_path):
    image = tmp_path / "one" / "images" / "a.nii"
    image.parent.mkdir(parents=True)
    image.touch()
    write_samples(
        tmp_path / "one" / "samples.csv",
        [Sample(sample_id="a", patient_id="p", image=image, label=1, label_source="me")],
        label_rule="a rule",
    )
    (tmp_path / "one").rename(tmp_path / "two")
    (result,), _ = read_samples(tmp_path / "two" / "samples.csv", {})
    assert result.image.is_file()


@pytest.mark.parametrize("name", ["diameter_mm", "fold", "label", "coordX"])
def test_a_feature_with_the_name_of_a_column_does_not_overwrite_it(tmp_path, name):
    """Check features such as data.features=[diameter_mm], which users are likely to set."""
    before = sample(
        center_mm=(1.0, 2.0, 3.0), diameter_mm=5.0, fold=2, features={name: 7.0, "age": 60.0}
    )
    write_samples(tmp_path / "samples.csv", [before], label_rule="a rule")
    (result,), _ = read_samples(tmp_path / "samples.csv", {})
    assert (result.label, result.fold, result.diameter_mm) == (1, 2, 5)
    assert result.center_mm == (1, 2, 3)


def test_masks_and_their_segments_are_kept(tmp_path):
    before = sample(
        lesion_mask=tmp_path / "masks" / "rt.dcm",
        lesion_segment="GTV",
        lungs_mask=tmp_path / "lungs",
        lungs_segment="3,4",
        time=1,
    )
    write_samples(
        tmp_path / "samples.csv", [before, replace(sample(), sample_id="b")], label_rule="a rule"
    )
    (first, second), _ = read_samples(tmp_path / "samples.csv", {})
    for name in ("lesion_mask", "lesion_segment", "lungs_mask", "lungs_segment", "time"):
        assert getattr(first, name) == getattr(before, name)
        assert getattr(second, name) is None
    write_samples(tmp_path / "plain.csv", [sample()], label_rule="a rule")
    with (tmp_path / "plain.csv").open() as stream:
        assert "segment" not in stream.readline()

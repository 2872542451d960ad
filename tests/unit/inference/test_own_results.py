"""Folders of results: files of the user stay, and the command says which is in the way."""

from pathlib import Path

import pytest

from lungcam.cohorts import Sample
from lungcam.errors import InputError
from lungcam.inference.own_results import (
    FILES,
    SHARED,
    clear_results,
    refuse_foreign_results,
    refuse_foreign_tables,
)
from lungcam.runtime.atomic import write_text
from lungcam.runtime.written import NAME, keep_record


def sample(image: Path) -> Sample:
    return Sample(sample_id="a", patient_id="a", image=image, label=None, label_source="")


def names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {NAME}


def test_results_of_an_earlier_command_are_removed(tmp_path):
    keep_record(tmp_path / "a", depth=1)
    for pattern in FILES:
        write_text(tmp_path / "a" / pattern.replace("*", "0001"), "{}")
    (tmp_path / "a" / "notes.txt").write_text("mine")
    refuse_foreign_results([sample(tmp_path / "scan.nii")], tmp_path)
    clear_results(tmp_path / "a")
    assert names(tmp_path / "a") == {"notes.txt"}


@pytest.mark.parametrize("pattern", FILES)
def test_a_file_of_the_user_is_named_and_nothing_is_removed(tmp_path, pattern):
    keep_record(tmp_path / "a", depth=1)
    write_text(tmp_path / "a" / "heatmap_x.nii.gz", "lungcam's")
    file = tmp_path / "a" / pattern.replace("*", "0001")
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    before = names(tmp_path / "a")
    with pytest.raises(InputError, match=file.name):
        refuse_foreign_results([sample(tmp_path / "scan.nii")], tmp_path)
    with pytest.raises(InputError, match=file.name):
        clear_results(tmp_path / "a")
    assert names(tmp_path / "a") == before
    assert file.read_text() == "mine"


def test_a_mask_that_was_corrected_is_the_users(tmp_path):
    keep_record(tmp_path / "a", depth=1)
    write_text(tmp_path / "a" / "mask.nii.gz", "by lungcam")
    (tmp_path / "a" / "mask.nii.gz").write_text("corrected by hand")
    with pytest.raises(InputError, match=r"mask\.nii\.gz: lungcam has not written this"):
        clear_results(tmp_path / "a")


def test_a_record_that_was_cut_short_is_removed(tmp_path):
    keep_record(tmp_path / "a", depth=1)
    write_text(tmp_path / "a" / "prediction.json", "{}")
    (tmp_path / "a" / "prediction.json").write_text("{")
    clear_results(tmp_path / "a")
    assert names(tmp_path / "a") == set()


def test_results_do_not_go_among_the_slices_of_their_scan(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.dcm").write_text("a slice")
    with pytest.raises(InputError, match="this is the scan itself"):
        refuse_foreign_results([sample(tmp_path / "a")], tmp_path)


@pytest.mark.parametrize("name", SHARED)
def test_tables_of_the_user_are_refused(tmp_path, name):
    refuse_foreign_tables(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=name):
        refuse_foreign_tables(tmp_path)

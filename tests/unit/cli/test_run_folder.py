"""A run folder as typed: Hydra must not write over files of the user."""

import json
from dataclasses import asdict, replace

import pytest

from lungcam.cli.run_folder import refuse_foreign_folder
from lungcam.errors import InputError
from lungcam.runtime import lock
from lungcam.runtime.written import keep_record


@pytest.mark.parametrize("name", [".hydra/config.yaml", "train.log", "multirun.yaml"])
@pytest.mark.parametrize("key", ["hydra.run.dir", "hydra.sweep.dir"])
def test_files_of_another_program_are_refused(tmp_path, name, key):
    file = tmp_path / "mine" / name
    file.parent.mkdir(parents=True)
    file.write_text("hydra: of another program")
    arguments = [f"{key}={tmp_path / 'mine'}"]
    with pytest.raises(InputError, match="lungcam has not written this"):
        refuse_foreign_folder(arguments)
    keep_record(tmp_path / "mine")
    assert refuse_foreign_folder(arguments) == arguments


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hydra.yaml", "_target_: lungcam.sweeps.trial.ReportFailure"),
        ("config.yaml", "_target_: lungcam.nets.SmallNet"),
        ("config.yaml", ""),
    ],
)
def test_a_run_that_was_killed_at_once_is_begun_again(tmp_path, name, text):
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / name).write_text(text)
    (tmp_path / "train.log").touch()
    refuse_foreign_folder([f"hydra.run.dir='{tmp_path}'"])


@pytest.mark.parametrize("value", ["new", "", "runs/${now:%f}"])
def test_other_folders_are_taken(tmp_path, monkeypatch, value):
    monkeypatch.chdir(tmp_path)
    assert refuse_foreign_folder([f"hydra.run.dir={value}", "seed=1"])


def test_a_folder_in_use_is_refused_before_hydra_writes_there(tmp_path):
    owner = replace(lock._this_process(), host="elsewhere")
    (tmp_path / lock.NAME).write_text(json.dumps(asdict(owner)))
    with pytest.raises(InputError, match="on elsewhere is writing into it"):
        refuse_foreign_folder([f"hydra.run.dir={tmp_path}"])


@pytest.mark.parametrize("text", ["", "[2026-11-30 19:42:52,519][lungcam][INFO] - begun\n"])
def test_a_log_of_hydra_goes_on(tmp_path, text):
    (tmp_path / "train.log").write_text(text)
    assert refuse_foreign_folder([f"hydra.run.dir={tmp_path}"])

"""A run folder belongs to one process, which replaces only what lungcam wrote."""

import socket

import pytest

from lungcam.errors import InputError
from lungcam.runs.run_folder import own_run_folder
from lungcam.runtime.atomic import write_text
from lungcam.runtime.written import NAME


@pytest.mark.parametrize("name", ["metrics.json", "checkpoints/last.ckpt", "cam/a/render.png"])
def test_a_file_of_the_user_is_refused_before_the_training(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("mine")
    with (
        pytest.raises(InputError, match="lungcam has not written this"),
        own_run_folder(tmp_path, resumed=False),
    ):
        pass
    assert (tmp_path / name).read_text() == "mine"


def test_a_run_is_begun_again_in_its_folder(tmp_path):
    for _ in range(2):
        with own_run_folder(tmp_path / "run", resumed=False):
            for name in ("metrics.json", "cam/a/erased.json"):
                write_text(tmp_path / "run" / name, "{}")


def test_what_a_killed_process_left_unfinished_is_deleted(tmp_path):
    # no process of this machine has the first number, and the other machine's may still write
    here, there = ".{}~4194305~0123abcd.last.ckpt", ".elsewhere~7~0123abcd.last.ckpt"
    (tmp_path / "checkpoints").mkdir()
    for name in (here.format(socket.gethostname()), there):
        (tmp_path / "checkpoints" / name).touch()
    with own_run_folder(tmp_path, resumed=False):
        assert [file.name for file in (tmp_path / "checkpoints").iterdir()] == [there]


def test_a_run_of_an_earlier_version_is_continued(tmp_path):
    (tmp_path / "metrics.json").write_text("of an earlier version")
    with own_run_folder(tmp_path, resumed=True):
        write_text(tmp_path / "metrics.json", "{}")
    assert not (tmp_path / NAME).exists()


def test_another_rank_neither_locks_nor_records(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    with own_run_folder(tmp_path / "run", resumed=False):
        assert not (tmp_path / "run").exists()

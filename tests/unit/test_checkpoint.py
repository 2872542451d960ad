"""Checkpoints are found, loaded without running what they hold, and amended whole."""

import pickle
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam.checkpoint import KEY, CheckpointMetadata, amend, find_checkpoint, load_checkpoint
from lungcam.classifier import Classifier
from lungcam.errors import InputError


class Touch:
    """Unpickling it writes a file."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    path.parent.mkdir(parents=True)
    checkpoint = {"state_dict": {"a": torch.arange(3.0)}, "epoch": 4, KEY: {"label_rule": "a rule"}}
    torch.save(checkpoint, path)
    return path


def test_found_by_file_and_by_run_folder(file):
    assert find_checkpoint(file) == file
    assert find_checkpoint(file.parents[1]) == file


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.ckpt: there is no such checkpoint; check ckpt="):
        find_checkpoint(tmp_path / "gone.ckpt")
    with pytest.raises(InputError, match=r"no checkpoints/best\.ckpt in it"):
        find_checkpoint(tmp_path)


def test_loaded_as_it_was_saved(file):
    checkpoint = load_checkpoint(file)
    assert torch.equal(checkpoint["state_dict"]["a"], torch.arange(3.0))
    assert checkpoint[KEY] == {"label_rule": "a rule"}


@pytest.mark.parametrize("how", ["torch", "legacy", "pickle"])
def test_nothing_that_it_holds_is_run(tmp_path, how):
    path, marker = tmp_path / "evil.ckpt", tmp_path / "marker"
    evil = {KEY: {}, "state_dict": Touch(marker)}
    if how == "pickle":
        path.write_bytes(pickle.dumps(evil))
    else:
        torch.save(evil, path, _use_new_zipfile_serialization=how == "torch")
    with pytest.raises(InputError, match=r"evil\.ckpt: not a checkpoint of plain tensors"):
        load_checkpoint(path)
    assert not marker.exists()
    # the file would have: it is the loading that is safe
    if how == "pickle":
        pickle.loads(path.read_bytes())
    else:
        torch.load(path, weights_only=False)
    assert marker.exists()


@pytest.mark.parametrize(
    "content", [b"", b"hello, I am a text\n", b"MP", b"PK\x03\x04", b"\x80\x02"]
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other.ckpt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"other\.ckpt: not a checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_file_cut_short_is_refused(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"best\.ckpt: not a checkpoint"):
        load_checkpoint(file)


@settings(deadline=None)
@given(content=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_no_bytes_end_in_a_traceback(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.ckpt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"any\.ckpt: not "):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [{"state_dict": {}}, [1, 2], torch.zeros(2)])
def test_what_lungcam_did_not_write_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "foreign.ckpt")
    with pytest.raises(InputError, match=r"foreign\.ckpt: not written by lungcam"):
        load_checkpoint(tmp_path / "foreign.ckpt")


def test_amending_keeps_the_rest(file):
    amend(file, threshold=0.3, rule="Youden")
    amend(file, threshold=0.4)
    checkpoint = load_checkpoint(file)
    assert checkpoint[KEY] == {"label_rule": "a rule", "threshold": 0.4, "rule": "Youden"}
    assert checkpoint["epoch"] == 4
    assert torch.equal(checkpoint["state_dict"]["a"], torch.arange(3.0))
    assert list(file.parent.iterdir()) == [file]


def test_a_failed_amendment_leaves_the_file_as_it_was(file):
    before = file.read_bytes()
    with pytest.raises((pickle.PicklingError, AttributeError)):
        amend(file, threshold=lambda: 0)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_what_lightning_saves_carries_the_metadata_and_loads_safely(tmp_path):
    metadata = {"label_rule": "a rule", "config": {"model": {"channels": [1, 2, 3], "pool": "max"}}}
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, callbacks=[CheckpointMetadata(metadata)], max_epochs=1
    )
    net = Classifier(torch.nn.Linear(1, 1))
    trainer.strategy.connect(net)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    checkpoint = load_checkpoint(tmp_path / "last.ckpt")
    assert checkpoint[KEY] == metadata
    assert torch.equal(checkpoint["state_dict"]["net.weight"], net.net.weight)

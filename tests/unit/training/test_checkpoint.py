"""Checkpoints are loaded without executing code, and changed atomically."""

import copy
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_lightning.callbacks import ModelCheckpoint

from lungcam.errors import InputError
from lungcam.training.checkpoint import (
    METADATA_KEY,
    add_metadata,
    check_metadata,
    load_checkpoint,
)
from lungcam.training.classifier import Classifier
from lungcam.training.lightning_checkpoint import AtomicCheckpointIO, CheckpointMetadata


class Touch:
    """Object that writes a file when it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    path.parent.mkdir(parents=True)
    checkpoint = {
        "state_dict": {"a": torch.arange(3.0)},
        "epoch": 4,
        METADATA_KEY: {"label_rule": "a rule"},
    }
    torch.save(checkpoint, path)
    return path


def test_a_checkpoint_is_loaded_as_it_was_saved(file):
    checkpoint = load_checkpoint(file)
    assert torch.equal(checkpoint["state_dict"]["a"], torch.arange(3.0))
    assert checkpoint[METADATA_KEY] == {"label_rule": "a rule"}


@pytest.mark.parametrize("how", ["torch", "legacy", "pickle"])
def test_no_code_in_a_checkpoint_is_executed(tmp_path, how):
    path, marker = tmp_path / "evil.ckpt", tmp_path / "marker"
    evil = {METADATA_KEY: {}, "state_dict": Touch(marker)}
    if how == "pickle":
        path.write_bytes(pickle.dumps(evil))
    else:
        torch.save(evil, path, _use_new_zipfile_serialization=how == "torch")
    with pytest.raises(InputError, match=r"evil\.ckpt: not a checkpoint of plain tensors"):
        load_checkpoint(path)
    assert not marker.exists()
    # an unsafe loader executes it
    if how == "pickle":
        pickle.loads(path.read_bytes())
    else:
        torch.load(path, weights_only=False)
    assert marker.exists()


@pytest.mark.parametrize(
    "content", [b"", b"hello, I am a text\n", b"MP", b"PK\x03\x04", b"\x80\x02"]
)
def test_files_of_other_kinds_are_refused(tmp_path, content):
    path = tmp_path / "other.ckpt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"other\.ckpt: not a checkpoint"):
        load_checkpoint(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"best\.ckpt: not a checkpoint"):
        load_checkpoint(file)


def test_a_folder_in_place_of_the_file_is_refused(file):
    file.unlink()
    file.mkdir()
    with pytest.raises(InputError, match=r"best\.ckpt: not a checkpoint"):
        load_checkpoint(file)


def test_members_that_share_their_bytes_are_refused(file):
    copies = 50
    with zipfile.ZipFile(file, "a") as archive:
        largest = max(archive.infolist(), key=lambda member: member.file_size)
        for number in range(copies):
            member = copy.copy(largest)
            member.filename = f"{largest.filename}{number}"
            # a further entry of the directory for the same place
            archive.filelist.append(member)
            archive.NameToInfo[member.filename] = member
        archive._didModify = True
    with zipfile.ZipFile(file) as archive:
        assert len(archive.infolist()) > copies
    with pytest.raises(InputError, match="not a checkpoint of plain tensors"):
        load_checkpoint(file)


def test_a_compressed_file_that_would_fill_the_memory_is_refused(file):
    packed = file.with_name("packed.ckpt")
    with (
        zipfile.ZipFile(file) as plain,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for member in plain.namelist():
            bomb.writestr(member, plain.read(member) + bytes(10_000_000))
    assert packed.stat().st_size < 1_000_000
    with pytest.raises(InputError, match=r"packed\.ckpt: not a checkpoint"):
        load_checkpoint(packed)


class Command:
    """Object that runs a shell command when it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("key", ["state_dict", "callbacks", "optimizer_states"])
@pytest.mark.parametrize("zipped", [True, False])
def test_training_resumes_from_plain_tensors_only(tmp_path, key, zipped):
    path, marker = tmp_path / "last.ckpt", tmp_path / "marker"
    content = {METADATA_KEY: {}, "state_dict": {}, key: [Command(marker)]}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    # whatever Lightning requests
    with pytest.raises(pickle.UnpicklingError):
        AtomicCheckpointIO().load_checkpoint(path, weights_only=False)
    with pytest.raises(InputError, match=r"last\.ckpt: not a checkpoint"):
        load_checkpoint(path)
    assert not marker.exists()


def test_a_kill_during_a_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, path)
    before = path.read_bytes()

    def kill(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("lungcam.runtime.atomic.os.replace", kill)
    with pytest.raises(KeyboardInterrupt):
        AtomicCheckpointIO().save_checkpoint({"epoch": 2}, path)
    assert path.read_bytes() == before


METADATA = {
    "label_rule": "a rule",
    "config": {
        "model": {"_target_": "lungcam.nets.Small3D", "channels": [2, 3, 4]},
        "transforms": {"view": {"_target_": "lungcam.transforms.NoduleView"}},
        "explain": {"layer": "conv3"},
    },
}


def make_checkpoint(*path: str, to: object) -> dict:
    """Return a checkpoint with one value of its metadata replaced."""
    metadata = copy.deepcopy(METADATA)
    inner = metadata
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return {METADATA_KEY: metadata, "state_dict": {}}


def billion() -> list:
    """Return a list that unfolds to 10 ** 30 values."""
    value: list = [0] * 10
    for _ in range(29):
        value = [value] * 10
    return value


def deep() -> list:
    """Return a list nested deeper than Python's limit of recursion."""
    value: list = []
    for _ in range(100_000):
        value = [value]
    return value


def test_metadata_that_lungcam_writes_are_accepted():
    check_metadata(Path("a.ckpt"), make_checkpoint("label_rule", to="another"))


MODEL = ("config", "model", "_target_")
STEP = ("config", "transforms", "view", "_target_")
CHANNELS = ("config", "model", "channels")


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (MODEL, "os.system"),
        (MODEL, "subprocess.Popen"),
        (MODEL, "torch.hub.load"),
        (MODEL, "builtins.exec"),
        (MODEL, "monai.networks.nets.__init__"),
        (MODEL, "monai.networks.nets.resnet.torch.hub.load"),
        (MODEL, "x" * 1_000_000),
        (MODEL, 5),
        (MODEL, None),
        # allowed in a run's configuration, which is the user's own
        (MODEL, "lungcam.phantom.phantom_cohort"),
        (MODEL, "lungcam.cohorts.table.write_samples"),
        (MODEL, "pytorch_lightning.loggers.WandbLogger"),
        (STEP, "lungcam.nets.Small3D"),
        (STEP, "torchio.datasets.IXI"),
        (CHANNELS, {"_target_": "subprocess.Popen", "args": "touch marker", "shell": True}),
        (CHANNELS, [[{"deep": [{"_target_": "os.system", "_args_": ["touch marker"]}]}]]),
        (CHANNELS, "${oc.env:HOME}"),
        (CHANNELS, ["${hydra:runtime.cwd}"]),
        (CHANNELS, {"_args_": [{"_target_": "os.system"}]}),
        (("config", "model", "_partial_"), True),
        (("config", "transforms", "more"), {"steps": [1]}),
        (CHANNELS, billion()),
        (CHANNELS, deep()),
        (("config",), None),
        (("config", "model"), []),
        (("config", "transforms", "view"), "a view"),
        (("config", "explain"), {}),
        (("label_rule",), 1),
    ],
    ids=lambda part: None if isinstance(part, tuple | list) else str(part)[:40],
)
def test_unsafe_metadata_are_refused_before_any_object_is_made(tmp_path, monkeypatch, path, to):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^a\.ckpt: "):
        check_metadata(Path("a.ckpt"), make_checkpoint(*path, to=to))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("weights", [None, [1], {"net.conv1.weight": "a text"}])
def test_weights_other_than_tensors_are_refused(weights):
    with pytest.raises(InputError, match=r"^a\.ckpt: it does not say what its net is"):
        check_metadata(
            Path("a.ckpt"), make_checkpoint("label_rule", to="") | {"state_dict": weights}
        )


@settings(deadline=None)
@given(content=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_any_bytes_are_refused_in_one_line(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.ckpt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"any\.ckpt: not "):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [{"state_dict": {}}, [1, 2], torch.zeros(2)])
def test_checkpoints_of_other_programs_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "foreign.ckpt")
    with pytest.raises(InputError, match=r"foreign\.ckpt: not written by lungcam"):
        load_checkpoint(tmp_path / "foreign.ckpt")


def test_added_metadata_keep_the_rest(file):
    add_metadata(file, threshold=0.3, rule="Youden")
    add_metadata(file, threshold=0.4)
    checkpoint = load_checkpoint(file)
    assert checkpoint[METADATA_KEY] == {"label_rule": "a rule", "threshold": 0.4, "rule": "Youden"}
    assert checkpoint["epoch"] == 4
    assert torch.equal(checkpoint["state_dict"]["a"], torch.arange(3.0))
    assert list(file.parent.iterdir()) == [file]


def test_a_failed_addition_leaves_the_file_unchanged(file):
    before = file.read_bytes()
    with pytest.raises((pickle.PicklingError, AttributeError)):
        add_metadata(file, threshold=lambda: 0)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_lightnings_checkpoints_carry_the_metadata_and_load_safely(tmp_path):
    metadata = {"label_rule": "a rule", "config": {"model": {"channels": [1, 2, 3], "pool": "max"}}}
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, callbacks=[CheckpointMetadata(metadata)], max_epochs=1
    )
    net = Classifier(torch.nn.Linear(1, 1))
    trainer.strategy.connect(net)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    checkpoint = load_checkpoint(tmp_path / "last.ckpt")
    assert checkpoint[METADATA_KEY] == metadata
    assert torch.equal(checkpoint["state_dict"]["net.weight"], net.net.weight)


class Slope(pl.LightningModule):
    """Module of one weight with a given validation loss for each epoch."""

    def __init__(self, losses: list[float]):
        super().__init__()
        self.slope = torch.nn.Parameter(torch.zeros(1))
        self.losses = losses

    def training_step(self, batch, _):
        return ((self.slope - 1) * batch).square().mean()

    def validation_step(self, batch, _):
        self.log("loss", self.losses[self.current_epoch])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.ones(2, 1))

    val_dataloader = train_dataloader


def fit(
    run: Path, losses: list[float], *, ckpt: Path | None = None, folder: Path | None = None
) -> ModelCheckpoint:
    """Train in a run folder, from the start or from a checkpoint."""
    saving = ModelCheckpoint(
        folder or run / "checkpoints", "best", "loss", save_last=True, enable_version_counter=False
    )
    trainer = pl.Trainer(
        accelerator="cpu",
        default_root_dir=run,
        logger=False,
        # before ModelCheckpoint, as in a run
        callbacks=[CheckpointMetadata({"label_rule": "a rule"}), saving],
        max_epochs=len(losses),
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Slope(losses), ckpt_path=ckpt)
    return saving


fitting = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers.*",
    "ignore:.*number of training batches.*",
    "ignore:.*LeafSpec.*",
    "ignore:Checkpoint directory .* exists and is not empty.*",
)


def texts(value) -> list[str]:
    """Return all texts in nested containers, keys too."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple | set):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


@fitting
def test_a_checkpoint_holds_no_absolute_path(tmp_path):
    run = tmp_path / "run"
    saving = fit(run, [0.5, 0.7])
    # in memory Lightning's paths stay absolute
    assert Path(saving.best_model_path) == run / "checkpoints" / "best.ckpt"
    for name in ("best.ckpt", "last.ckpt"):
        file = run / "checkpoints" / name
        values = texts(load_checkpoint(file))
        assert "<run>/checkpoints" in values
        assert [text for text in values if text.startswith("/")] == []
        add_metadata(file, threshold=0.5)
        with zipfile.ZipFile(file) as archive:
            for member in archive.namelist():
                assert str(tmp_path).encode() not in archive.read(member)


@fitting
@pytest.mark.parametrize("place", ["same", "moved", "linked"])
def test_a_resumed_training_knows_its_best_epoch(tmp_path, place):
    run = tmp_path / "run"
    fit(run, [0.5, 0.7])
    if place == "moved":
        run = run.rename(tmp_path / "elsewhere")
    elif place == "linked":
        (tmp_path / "link").symlink_to(run)
        run = tmp_path / "link"
    best, last = (run / "checkpoints" / f"{name}.ckpt" for name in ("best", "last"))
    before = best.read_bytes()
    # Lightning would warn of another folder, and warnings are errors in tests
    saving = fit(run, [9.0, 0.7, 0.6], ckpt=last)
    # only the first epoch, which is not repeated, was as good
    assert best.read_bytes() == before
    assert saving.best_model_score == 0.5
    assert Path(saving.best_model_path) == best.resolve()
    assert sorted(file.name for file in best.parent.iterdir()) == ["best.ckpt", "last.ckpt"]
    fit(run, [9.0, 9.0, 9.0, 0.4], ckpt=last)
    assert load_checkpoint(best)["epoch"] == 3


@fitting
def test_checkpoints_outside_the_run_folder_are_resumed_too(tmp_path):
    run = tmp_path / "a" / "run"
    outside = tmp_path / "b"
    fit(run, [0.5], folder=outside)
    saving = fit(run, [0.5, 0.6], ckpt=outside / "last.ckpt", folder=outside)
    assert saving.best_model_score == 0.5
    assert "<run>/../../b/best.ckpt" in texts(load_checkpoint(outside / "last.ckpt"))

"""Composed configurations are refused before anything slow is loaded."""

import pytest

from lungcam.config.early_checks import check_infer_config, checked_train_nodes
from lungcam.errors import InputError


def test_a_good_training_is_accepted(composer):
    nodes = checked_train_nodes(composer("train", "model=resnet10", "data.n=16"))
    assert nodes["model"]["_target_"] == "monai.networks.nets.resnet10"
    assert nodes["data"]["n"] == 16


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data=table"], r"^data\.table: it must be set"),
        (["data=table", "data.table=gone.csv"], r"^gone\.csv: there is no such file"),
        (["split.manifest=gone.csv"], r"^gone\.csv: there is no such file; check split\.manifest="),
        (["explain.method=gradcan"], r"^explain\.method=gradcan: choose gradcam"),
        (["render.view=front"], r"^render\.view=front: choose anterior"),
        (["+split.train=0.5"], r"^split\.train: there is no such setting"),
        (["seed=-1"], r"^seed=-1: give 0 or more"),
    ],
)
def test_a_training_that_cannot_begin_is_refused(composer, overrides, message):
    with pytest.raises(InputError, match=message):
        checked_train_nodes(composer("train", *overrides))


@pytest.mark.parametrize("group", ["scheduler", "logger", "callbacks", "augmentation"])
def test_a_group_that_a_training_can_do_without_is_taken_out(composer, group):
    assert checked_train_nodes(composer("train", f"~{group}"))[group] == {}


def test_what_a_training_needs_is_not_taken_out(composer):
    with pytest.raises(InputError, match=r"^~seed: it cannot be taken out"):
        checked_train_nodes(composer("train", "~seed"))


@pytest.mark.parametrize(
    ("choice", "trainer"),
    [
        ("fdr", {"fast_dev_run": True}),
        ("overfit", {"overfit_batches": 3, "max_epochs": 100}),
        ("profile", {"profiler": "simple", "max_epochs": 1}),
    ],
)
def test_debug_sets_keys_of_the_trainer(composer, choice, trainer):
    nodes = checked_train_nodes(composer("train", f"debug={choice}"))
    assert {name: nodes["trainer"][name] for name in trainer} == trainer


@pytest.fixture
def infer(composer, tmp_path, monkeypatch):
    """Return a function that composes a configuration for a checkpoint and a scan that exist."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scan.nii.gz").touch()
    # an empty ZIP archive
    (tmp_path / "best.ckpt").write_bytes(b"PK\x05\x06" + bytes(18))
    return lambda *overrides: composer("infer", "ckpt=best.ckpt", "scan=scan.nii.gz", *overrides)


def test_a_good_inference_is_accepted(infer):
    check_infer_config(infer())
    check_infer_config(infer("explain.method=layercam", "render.clip=axial", "out=new/folder"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("ckpt=gone.ckpt", r"^gone\.ckpt: there is no such checkpoint"),
        ("out=scan.nii.gz", r"^scan\.nii\.gz: this is a file"),
        ("prior=gone", r"^prior: the report shows earlier results; add report=true"),
        ("explain.method=gradcan", r"^explain\.method=gradcan: choose gradcam"),
        ("render.preset=fog", r"^render\.preset=fog: choose linear"),
        ("+explain.layers=a", r"^explain\.layers: there is no such setting"),
    ],
)
def test_an_inference_that_cannot_begin_is_refused(infer, override, message):
    with pytest.raises(InputError, match=message):
        check_infer_config(infer(override))


def test_checkpoint_and_scan_must_be_given(composer):
    with pytest.raises(InputError, match=r"^ckpt: it must be set; add ckpt=VALUE\."):
        check_infer_config(composer("infer"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+threshold=.5", "threshold: there is no such setting; it takes ckpt, scan, out"),
        ("+lungs.masks=x", r"lungs\.masks: there is no such setting.* Did you mean mask\?"),
        ("+tta=true", "tta=True: choose flips or null"),
        ("+explain.metod=gradcam", r"explain\.metod: .* Did you mean method\?"),
        ("~out", "~out: it cannot be taken out"),
        ("dicom.patient=keep", "dicom.patient=keep: no DICOM objects; add dicom=true"),
    ],
)
def test_every_key_of_an_inference_is_checked(infer, override, message):
    with pytest.raises(InputError, match=f"^{message}"):
        check_infer_config(infer(override))

"""Bad input: exit code 2 and one line that names it."""

import re

import pytest
import torch

from .conftest import ROOT, command


def refused(done) -> str:
    """Return the only line of a command that refused its input."""
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("lungcam: ")
    return line


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.dropuot=0.2", "dropuot"),
        ("trainer.max_epoch=1", "max_epoch"),
        ("sead=1", "sead"),
        ("model=small4d", "small4d"),
        ("trainer.max_epochs=many", "max_epochs"),
        ("+model.dropuot=0.2", "dropuot"),
        ("+transforms.threshold.treshold=-400", "treshold"),
        ("+split.train=0.5", "train"),
        ("explain.layer=conv9", "some that it has: conv1, norm1"),
        ("explain.layer=fc1", "no map with cells"),
        ("explain.method=gradcan", "gradcampp"),
        ("explain.evidence=all", "both, for or against"),
        ("model.pool=median", "median"),
        ("data.n=3", "n"),
        ("optimizer._target_=os.system", "os.system"),
    ],
)
def test_a_wrong_setting_is_named(override, message, tmp_path):
    assert message in refused(command("train.py", override, "callbacks=checkpoint", cwd=tmp_path))


def test_what_code_of_others_raises_on_a_setting_is_one_line(tmp_path):
    arguments = ("model=resnet10", "+model.pretrained=true", "callbacks=checkpoint")
    line = refused(command("train.py", *arguments, cwd=tmp_path))
    assert line.startswith("lungcam: model: ")
    assert "change its settings" in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sead: 3\n", "sead"),
        ("trainer:\n  max_epoch: 3\n", "max_epoch"),
        ("split:\n  tset: 0.2\n", "tset"),
        ("model:\n  dropuot: 0.2\n", "dropuot"),
        ("optimizer:\n  learning_rate: 0.1\n", "learning_rate"),
    ],
)
def test_a_misspelt_key_in_an_experiment_file_is_named(text, message, tmp_path):
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "trial.yaml").write_text(f"# @package _global_\n{text}")
    done = command(
        "train.py",
        f"hydra.searchpath=[file://{tmp_path / 'mine'}]",
        "experiment=trial",
        "data.n=16",
        cwd=tmp_path,
    )
    assert message in refused(done)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_missing_gpu_is_refused_with_the_remedy(tmp_path):
    line = refused(command("train.py", "model=small3d", "trainer.gpus=1", cwd=tmp_path))
    assert "trainer.gpus=0" in line


def test_a_search_without_a_sweep_is_refused(tmp_path):
    assert "add -m" in refused(command("train.py", "hparams_search=tpe", cwd=tmp_path))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ckpt=nothing.ckpt", "scan=."), "nothing.ckpt"),
        (("ckpt=nothing.ckpt", "scan=missing.nii.gz"), "missing.nii.gz"),
        (("scan=.",), "ckpt"),
        (("ckpt=lidc", "scan=.", "+threshold=.5"), "threshold: there is no such setting"),
        (("ckpt=lidc", "scan=.", "+lungs.masks=x"), r"Did you mean mask\?"),
        (("ckpt=lidc", "scan=.", "reprot=true"), r"Did you mean report\? .* lists the keys"),
        (("ckpt=lidc", "scan=.", "dicom.patient=keep"), "add dicom=true"),
    ],
)
def test_infer_names_a_missing_file_or_key(arguments, message, tmp_path):
    assert re.search(message, refused(command("infer.py", *arguments, cwd=tmp_path)))


def test_infer_refuses_a_file_that_is_no_checkpoint(workplace, trained):
    (workplace / "text.ckpt").write_text("no weights here")
    scan = next(workplace.glob("outputs/cache/phantoms/*/phantom-0000.nii.gz"))
    done = command("infer.py", "ckpt=text.ckpt", f"scan={scan}", cwd=workplace)
    assert "text.ckpt" in refused(done)


def test_help_lists_the_groups():
    done = command("train.py", "--help", cwd=ROOT)
    assert done.returncode == 0
    for group in ("data", "model", "transforms", "view"):
        assert f"\n{group}: " in done.stdout

"""Precision of a run on a processor."""

import shutil

from omegaconf import OmegaConf

from lungcam.runtime.precision import choose_precision
from lungcam.training.checkpoint import METADATA_KEY, add_metadata, load_checkpoint

from .conftest import TINY, command

NOTE = "note: trainer.precision=bf16-mixed: on a processor"


def test_what_speaks_against_a_precision_is_one_line(workplace):
    # a command that prepares scans ends before the training
    prepare = ("train.py", *TINY, "prepare=1/8")
    done = command(*prepare, "trainer.precision=bf16-mixed", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert [line.startswith(NOTE) for line in done.stdout.splitlines()].count(True) == 1
    suited = command(*prepare, cwd=workplace)
    assert (suited.returncode, suited.stdout.count("precision")) == (0, 0), suited.stderr


def test_a_resumed_run_keeps_its_precision(workplace, trained):
    metadata = load_checkpoint(trained.folder / "checkpoints" / "last.ckpt")[METADATA_KEY]
    assert metadata["precision"] == choose_precision("auto", gpu=False)
    # as if it had begun by an earlier version, on a processor with bfloat16
    run = workplace / "begun"
    shutil.copytree(trained.folder, run)
    (run / "metrics.json").unlink()
    add_metadata(run / "checkpoints" / "last.ckpt", precision="bf16-mixed")
    config = OmegaConf.load(run / ".hydra" / "config.yaml")
    assert config.trainer.precision == "auto"
    config.explain.benchmark = config.explain.erase = False
    OmegaConf.save(config, run / ".hydra" / "config.yaml")
    done = command("train.py", "resume=begun", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(NOTE) == 1

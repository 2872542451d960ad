"""Every callback of Lightning works in a training by its name, or is refused in one line."""

import csv
import json
import re

import pytest
import pytorch_lightning as pl

from .conftest import TINY, command
from .test_refusals import refused

pytestmark = pytest.mark.slow

SMALL = (
    *TINY,
    *("view.shape=[24,18,24]", "view.spacing_mm=15", "callbacks=checkpoint", "logger=csv"),
    *("loader.batch_size=2", "trainer.max_epochs=3"),
)
# with the settings that each needs
WORK = {
    "BatchSizeFinder": ("max_trials=2", "steps_per_trial=1"),
    "Callback": (),
    "Checkpoint": (),
    "EMAWeightAveraging": (),
    "EarlyStopping": ("monitor=val/loss", "patience=1"),
    "GradientAccumulationScheduler": ("scheduling={1:2}",),
    "LambdaCallback": (),
    "LearningRateFinder": ("num_training_steps=20",),
    "LearningRateMonitor": (),
    "ModelCheckpoint": ("monitor=val/auc", "mode=max", "filename=auc"),
    "ModelSummary": (),
    "OnExceptionCheckpoint": ("dirpath=exceptions",),
    "ProgressBar": (),
    "RichModelSummary": (),
    "RichProgressBar": (),
    "SpikeDetection": (),
    "StochasticWeightAveraging": ("swa_lrs=0.01",),
    "TQDMProgressBar": ("refresh_rate=1",),
    "Timer": ("duration='00:01:00:00'",),
    "WeightAveraging": (),
}
# what is in their one line
REFUSED = {
    "BackboneFinetuning": ((), "use freeze= and init_lr="),
    "BaseFinetuning": ((), "BaseFinetuning is a base class"),
    "BasePredictionWriter": ((), "BasePredictionWriter is a base class"),
    "ModelPruning": (("pruning_fn=l1_unstructured", "amount=0.5"), "memory order"),
    "ThroughputMonitor": ((), "batch_size_fn"),
}


def settings(name, values):
    return (
        f"+callbacks.extra._target_=pytorch_lightning.callbacks.{name}",
        *(f"+callbacks.extra.{value}" for value in values),
    )


def test_every_callback_is_tried():
    assert {*WORK, *REFUSED, "DeviceStatsMonitor"} == set(pl.callbacks.__all__)


@pytest.mark.parametrize("name", WORK)
def test_a_callback_works(workplace, trained, name):
    run = workplace / "callbacks" / name
    done = command(
        "train.py", *SMALL, *settings(name, WORK[name]), f"hydra.run.dir={run}", cwd=workplace
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "metrics.json").read_text())["test"]["n"] == 4
    # the checkpoint is one that infer.py reads
    scan = next(workplace.glob("outputs/cache/phantoms/*/phantom-0000.nii.gz"))
    arguments = (f"ckpt={run}", f"scan={scan}", f"out={run / 'infer'}", "picture=false")
    done = command("infer.py", *arguments, cwd=workplace)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", REFUSED)
def test_a_callback_that_cannot_work_is_refused(workplace, trained, name):
    values, message = REFUSED[name]
    done = command("train.py", *SMALL, *settings(name, values), cwd=workplace)
    assert message in refused_last(done)


def refused_last(done):
    """Return the last line of a training that was refused, after its progress bars."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    *_, line = re.split(r"[\r\n]+", done.stderr.strip())
    assert line.startswith("lungcam: ")
    return line


def test_statistics_of_the_device_need_psutil(workplace, trained):
    done = command("train.py", *SMALL, *settings("DeviceStatsMonitor", ()), cwd=workplace)
    if done.returncode:
        assert "psutil" in refused_last(done)


def test_a_found_learning_rate_is_that_of_the_training(workplace, trained):
    run = workplace / "callbacks" / "rate"
    values = ("num_training_steps=20", "min_lr=0.01", "max_lr=0.02", "early_stop_threshold=null")
    finder = settings("LearningRateFinder", values)
    monitor = ("+callbacks.rate._target_=pytorch_lightning.callbacks.LearningRateMonitor",)
    done = command(
        *(
            "train.py",
            *SMALL,
            *finder,
            *monitor,
            "optimizer.lr=1e-5",
            "trainer.log_every_n_steps=1",
            # the search takes no more steps than the training
            "trainer.max_epochs=6",
            f"hydra.run.dir={run}",
        ),
        cwd=workplace,
    )
    assert done.returncode == 0, done.stderr
    with (run / "csv" / "metrics.csv").open(newline="") as stream:
        rates = [float(row["lr-AdamW"]) for row in csv.DictReader(stream) if row["lr-AdamW"]]
    # the schedule starts at it and falls
    assert 0.01 <= rates[0] <= 0.02
    assert rates[-1] < rates[0]


def test_a_callback_that_fails_in_the_training_is_named(workplace, trained):
    """Its constructor accepts the setting, and its method refuses it."""
    done = command(
        "train.py", *SMALL, *settings("EarlyStopping", ("monitor=val/nothing",)), cwd=workplace
    )
    line = refused_last(done)
    assert line.startswith("lungcam: callbacks.extra: Early stopping conditioned on metric")
    assert line.endswith("change its settings, or choose another.")


@pytest.mark.parametrize(
    ("setting", "message"), [("trainer.gradient_clip_val=-1", "gradient_clip_val")]
)
def test_a_wrong_setting_of_the_trainer_is_refused(workplace, setting, message):
    assert message in refused(command("train.py", *SMALL, setting, cwd=workplace))

"""`logger=[csv,tensorboard]`: curves and figures of two processes and of a resumed run."""

import csv
import json
import signal

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from .conftest import TINY, command

SMALL = ("view.shape=[24,18,24]", "view.spacing_mm=15", "callbacks=checkpoint")


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [("trainer.precision=bf16-mixed",), ("trainer=ddp", "trainer.devices=2")],
    ids=["second trainer", "two processes"],
)
def test_curves_and_figures_stand_once(workplace, trained, settings):
    run = workplace / f"loggers-{len(settings)}"
    arguments = (*TINY, *SMALL, "trainer.max_epochs=3", "logger=[csv,tensorboard]", *settings)
    done = command("train.py", *arguments, f"hydra.run.dir={run}", cwd=workplace)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((run / "metrics.json").read_text())
    curve = check(run, metrics)
    # as if it had been killed in the evaluation
    (run / "metrics.json").unlink()
    done = command("train.py", f"resume={run}", cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert check(run, metrics) == curve


# a logger that dies as it is given the final figures
DYING = """
import os
import signal

from lungcam.training.loggers import CsvLogger


class Dying(CsvLogger):
    def log_metrics(self, metrics, step=None):
        if "DYING" in os.environ and any(name.startswith("final/") for name in metrics):
            os.kill(os.getpid(), signal.SIGKILL)
        super().log_metrics(metrics, step)
"""


@pytest.mark.slow
def test_a_run_that_is_killed_before_its_figures_are_logged_is_not_finished(workplace, trained):
    run = workplace / "loggers-killed"
    (workplace / "dying.py").write_text(DYING)
    own = {"_target_": "dying.Dying", "save_dir": run, "name": "''", "version": "csv"}
    keys = [f"+logger.own.{key}={value}" for key, value in own.items()]
    arguments = (*TINY, *SMALL, "logger=tensorboard", *keys, f"hydra.run.dir={run}")
    done = command("train.py", *arguments, cwd=workplace, DYING="yes")
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (run / "report.html").is_file()
    assert not (run / "metrics.json").exists()
    done = command("train.py", f"resume={run}", cwd=workplace)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((run / "metrics.json").read_text())
    with (run / "csv" / "metrics.csv").open(newline="") as stream:
        (final,) = (row for row in csv.DictReader(stream) if row["final/test_auc"])
    assert float(final["final/test_auc"]) == metrics["test"]["auc"]
    events = EventAccumulator(str(run)).Reload()
    assert events.Scalars("hparams/test_auc")[-1].value == pytest.approx(metrics["test"]["auc"])
    assert not (run / ".lungcam-lock").exists()


def check(run, metrics):
    """Return the curve of the validation loss, which stands in both loggers, as the figures do."""
    with (run / "csv" / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    curve = [(int(row["step"]), float(row["val/loss"])) for row in rows if row["val/loss"]]
    assert len(curve) == 3
    events = EventAccumulator(str(run)).Reload()
    assert {e.step: e.value for e in events.Scalars("val/loss")} == pytest.approx(dict(curve))
    (final,) = (row for row in rows if row["final/test_auc"])
    assert float(final["final/test_auc"]) == metrics["test"]["auc"]
    assert events.Scalars("hparams/test_auc")[-1].value == pytest.approx(metrics["test"]["auc"])
    assert "optimizer.lr: " in (run / "csv" / "hparams.yaml").read_text()
    return curve

"""`logger=[csv,tensorboard]`: curves and figures of two processes and of a resumed run."""

import csv
import json

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

"""Loggers of runs that are stopped and continued, read back by independent readers."""

import csv
import errno
import json

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lungcam.errors import InputError
from lungcam.report.hparams import log_figures
from lungcam.training.loggers import flatten, log_configuration, log_results, open_loggers

METRICS = {"val": {"auc": 0.75, "auc_ci95": [0.5, 1]}, "test": {"auc": None, "n": 4}}


def nodes(folder, *names):
    every = {
        "csv": {
            "_target_": "lungcam.training.loggers.CsvLogger",
            "save_dir": str(folder),
            "name": "",
            "version": "csv",
        },
        "tensorboard": {
            "_target_": "pytorch_lightning.loggers.TensorBoardLogger",
            "save_dir": str(folder),
            "name": "",
            "version": "",
        },
        "mlflow": {
            "_target_": "pytorch_lightning.loggers.MLFlowLogger",
            "experiment_name": "lungcam",
            "tracking_uri": f"sqlite:///{folder}/mlflow.db",
        },
        "wandb": {
            "_target_": "pytorch_lightning.loggers.WandbLogger",
            "project": "lungcam",
            "save_dir": str(folder),
            "offline": True,
        },
    }
    return {"logger": {name: every[name] for name in names}, "optimizer": {"lr": 0.1}, "freeze": []}


def run(folder, config, losses, *, step=None):
    """Log losses at the steps that follow, as a training and its evaluation do."""
    with open_loggers(config["logger"], folder, step=step) as loggers:
        log_configuration(loggers, config, folder=folder)
        for i, loss in enumerate(losses, (step or 0) + 1):
            for logger in loggers:
                logger.log_metrics({"val/loss": loss}, i)
                logger.save()
        log_figures(loggers, ["optimizer.lr=0.1"], metrics=METRICS, step=(step or 0) + len(losses))
        log_results(loggers, METRICS, folder / "report.html")


def rows(folder):
    with (folder / "csv" / "metrics.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_settings_are_named_as_on_the_command_line():
    assert flatten({"a": {"b": {"c": 1}, "d": []}, "e": None}) == {"a.b.c": 1, "a.d": [], "e": None}


def test_a_table_keeps_the_rows_of_the_run_that_is_continued(tmp_path):
    config = nodes(tmp_path, "csv")
    run(tmp_path, config, [0.9, 0.8, 0.7])
    assert [row["val/loss"] for row in rows(tmp_path)] == ["0.9", "0.8", "0.7", ""]
    # from step 2 on everything is logged again
    run(tmp_path, config, [0.65, 0.6], step=2)
    losses = [row["val/loss"] for row in rows(tmp_path)]
    assert losses == ["0.9", "0.65", "0.6", ""]
    assert [row["final/val_auc"] for row in rows(tmp_path)] == ["", "", "", "0.75"]
    assert rows(tmp_path)[-1]["final/test_n"] == "4"
    hparams = yaml.safe_load((tmp_path / "csv" / "hparams.yaml").read_text())
    assert hparams["optimizer.lr"] == 0.1


def test_a_table_made_twice_in_one_run_loses_nothing(tmp_path):
    """A second trainer, or a process that Lightning starts, opens the file again."""
    config = nodes(tmp_path, "csv")
    with (
        open_loggers(config["logger"], tmp_path, step=None) as (first,),
        open_loggers(config["logger"], tmp_path, step=None) as (second,),
    ):
        for i, logger in enumerate((first, second, first)):
            logger.log_metrics({f"metric {i % 2}": i}, i)
            logger.save()
    assert [row["step"] for row in rows(tmp_path)] == ["0", "1", "2"]
    assert [row["metric 0"] for row in rows(tmp_path)] == ["0", "", "2"]


def test_events_of_a_run_that_is_continued_are_kept_up_to_its_step(tmp_path):
    config = nodes(tmp_path, "tensorboard")
    run(tmp_path, config, [0.9, 0.8, 0.7])
    run(tmp_path, config, [0.65, 0.6], step=2)
    events = EventAccumulator(str(tmp_path)).Reload().Scalars("val/loss")
    assert [(event.step, round(event.value, 2)) for event in events] == [
        (1, 0.9),
        (3, 0.65),
        (4, 0.6),
    ]


def test_a_new_run_in_the_folder_of_a_failed_one_is_logged_alone(tmp_path):
    config = nodes(tmp_path, "tensorboard", "csv")
    run(tmp_path, config, [0.9, 0.8, 0.7])
    run(tmp_path, config, [0.65, 0.6])
    events = EventAccumulator(str(tmp_path)).Reload().Scalars("val/loss")
    assert [(event.step, round(event.value, 2)) for event in events] == [(1, 0.65), (2, 0.6)]
    assert [row["val/loss"] for row in rows(tmp_path)] == ["0.65", "0.6", ""]


def test_tensorboard_shows_the_configuration(tmp_path):
    run(tmp_path, nodes(tmp_path, "tensorboard"), [0.9])
    events = EventAccumulator(str(tmp_path)).Reload()
    (text,) = events.Tensors("configuration/text_summary")
    assert b"    optimizer.lr: 0.1" in text.tensor_proto.string_val[0]


def test_a_logger_that_refuses_a_setting_is_named(tmp_path):
    config = nodes(tmp_path, "csv")
    config["logger"]["csv"]["colour"] = "red"
    with (
        pytest.raises(InputError, match=r"^logger\.csv\.colour: "),
        open_loggers(config["logger"], tmp_path, step=None),
    ):
        pass


@pytest.mark.slow
# of SQLAlchemy and others that MLflow uses
@pytest.mark.filterwarnings("default")
def test_a_continued_run_stays_one_run_of_mlflow(tmp_path):
    pytest.importorskip("mlflow", reason="needs mlflow: '.[mlflow]'")
    from mlflow import MlflowClient

    config = nodes(tmp_path, "mlflow")
    config["logger"]["mlflow"]["artifact_location"] = None
    run(tmp_path, config, [0.9, 0.8])
    # may change from one process to the next, and MLflow's parameters may not
    config["freeze"] = ["conv1"]
    run(tmp_path, config, [0.7], step=2)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (experiment,) = (e for e in client.search_experiments() if e.name == "lungcam")
    (run_kept,) = client.search_runs([experiment.experiment_id])
    assert json.loads((tmp_path / "loggers.json").read_text()) == {"mlflow": run_kept.info.run_id}
    assert run_kept.info.status == "FINISHED"
    assert run_kept.info.run_name == "/".join(tmp_path.parts[-2:])
    assert run_kept.data.params["optimizer.lr"] == "0.1"
    assert run_kept.data.metrics["final/val_auc"] == 0.75
    history = client.get_metric_history(run_kept.info.run_id, "val/loss")
    assert [(point.step, point.value) for point in history] == [(1, 0.9), (2, 0.8), (3, 0.7)]
    # files lie by the database, and not in a folder where the user stands
    assert [file.path for file in client.list_artifacts(run_kept.info.run_id)] == ["metrics.json"]
    (kept,) = (tmp_path / "mlflow_artifacts").rglob("metrics.json")
    assert json.loads(kept.read_text()) == METRICS


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_run_of_wandb_is_closed_and_continued_under_its_id(tmp_path):
    wandb = pytest.importorskip("wandb", reason="needs wandb: '.[wandb]'")
    config = nodes(tmp_path, "wandb")
    run(tmp_path, config, [0.9])
    # otherwise the next run of a sweep would log into it
    assert wandb.run is None
    run(tmp_path, config, [0.8], step=1)
    (name,) = json.loads((tmp_path / "loggers.json").read_text()).values()
    files = sorted((tmp_path / "wandb").glob("offline-run-*/run-*.wandb"))
    assert {file.name for file in files} == {f"run-{name}.wandb"}
    content = b"".join(file.read_bytes() for file in files)
    for text in (b"val/loss", b"final/val_auc", b"optimizer.lr"):
        assert text in content
    for folder in {file.parent for file in files}:
        assert json.loads((folder / "files" / "metrics.json").read_text()) == METRICS
        assert b"metrics.json" in b"".join(file.read_bytes() for file in folder.glob("run-*.wandb"))


def test_a_full_disk_is_named_whatever_the_logger_raises(tmp_path):
    settings = nodes(tmp_path, "csv")["logger"]
    with (
        pytest.raises(OSError, match="no space") as error,
        open_loggers(settings, tmp_path, step=None),
    ):
        raise OSError(errno.ENOSPC, "no space")
    assert error.value.filename == str(tmp_path)
    # a reader that has gone is another matter
    with pytest.raises(BrokenPipeError) as error, open_loggers(settings, tmp_path, step=None):
        raise BrokenPipeError(errno.EPIPE, "closed")
    assert error.value.filename is None

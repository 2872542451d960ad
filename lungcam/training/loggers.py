"""Loggers of a run: made once, continued by a resumed run, and closed at its end."""

import csv
import errno
import json
import logging
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import (
    CSVLogger,
    Logger,
    MLFlowLogger,
    TensorBoardLogger,
    WandbLogger,
)
from pytorch_lightning.loggers.csv_logs import ExperimentWriter

from lungcam.config.instantiate import composed_targets, instantiate
from lungcam.runtime.atomic import json_text, write_json, write_table
from lungcam.runtime.distributed import rank

# file of a run folder with the ids under which its loggers continue
IDS = "loggers.json"
# file that a run ends with
METRICS = "metrics.json"
# name and argument of the id in the loggers that have one
ID_ARGUMENTS = {"MLFlowLogger": "run_id", "WandbLogger": "id"}
SQLITE = "sqlite:///"
# TensorBoard's files
EVENTS = "events.out.tfevents.*"
NAME_ARGUMENTS = {"MLFlowLogger": "run_name", "WandbLogger": "name"}


class CsvLogger(CSVLogger):
    """Lightning's CSVLogger, which keeps the rows that an earlier process has written.

    Lightning's own deletes metrics.csv when it is made a second time.
    """

    @property
    def experiment(self) -> ExperimentWriter:
        """Writer of the files."""
        if self._experiment is None:
            self._experiment = _Writer(self.log_dir)
        return self._experiment

    def drop_from(self, step: int) -> None:
        """Drop the rows from a step on: they will be logged again."""
        file = Path(self.log_dir) / ExperimentWriter.NAME_METRICS_FILE
        rows = [row for row in _read_rows(file) if int(row["step"]) < step]
        if file.is_file():
            _write_rows(file, rows)


class _Writer(ExperimentWriter):
    """Writer that adds its rows to those in the file."""

    def save(self) -> None:
        """Write the new rows; new columns may come with them."""
        if self.metrics:
            file = Path(self.metrics_file_path)
            _write_rows(file, [*_read_rows(file), *self.metrics])
            self.metrics = []

    def _check_log_dir_exists(self) -> None:
        """Let files of an earlier process be."""


@contextmanager
def open_loggers(
    nodes: Mapping[str, Mapping[str, Any]], folder: Path, *, step: int | None
) -> Iterator[list[Logger]]:
    """Make the loggers of a run, and close them when the block ends.

    Args:
        nodes: Nodes of the group `logger`, by name.
        folder: Run folder. A file in it keeps the ids of MLflow's and W&B's runs, and a run without
            a name is named after the folder.
        step: Step at which an earlier process stopped: what was logged from there on is dropped
            from the files, and MLflow's and W&B's runs are continued; None for a new run, for which
            all is dropped that a failed one may have left in its folder.

    Raises:
        InputError: A logger refuses a setting.
        OSError: A logger cannot write; the error names the folder.
    """
    # MLflow lists every step by which it makes a database
    for name in ("alembic", "mlflow.store.db.utils", "pytorch_lightning.loggers.mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    ids = read_ids(folder) if step is not None else {}
    loggers = []
    for name, node in nodes.items():
        kind = str(node["_target_"]).rpartition(".")[2]
        node = dict(node)
        if kind in NAME_ARGUMENTS and node.get(NAME_ARGUMENTS[kind]) is None:
            node[NAME_ARGUMENTS[kind]] = "/".join(folder.parts[-2:])
        database = str(node.get("tracking_uri", ""))
        if kind == "MLFlowLogger" and database.startswith(SQLITE) and "artifact_location" in node:
            # MLflow's own choice is a folder `mlruns` where the user stands
            place = Path(database.removeprefix(SQLITE)).with_name("mlflow_artifacts")
            node["artifact_location"] = node["artifact_location"] or place.absolute().as_uri()
        if kind in ID_ARGUMENTS and name in ids:
            node[ID_ARGUMENTS[kind]] = ids[name]
        elif kind == "WandbLogger" and node.get("id") is None:
            # its runs may begin in another process, which would choose another one
            node["id"] = secrets.token_hex(4)
        loggers.append(instantiate(node, f"logger.{name}", allowed=composed_targets()))
        if rank() == 0:
            _drop_from(loggers[-1], step or 0)
    status = "failed"
    with _named(folder):
        try:
            yield loggers
            status = "success"
        finally:
            for logger in loggers:
                _close(logger, status)


def log_configuration(loggers: Sequence[Logger], nodes: Mapping[str, Any], *, folder: Path) -> None:
    """Give each logger the configuration, and keep the ids under which they continue.

    TensorBoard shows it as a text; its table of settings takes the overrides at the end, see
    `lungcam.report.hparams`.

    Args:
        loggers: Loggers of the run, in the order of the group `logger`.
        nodes: Plain configuration of the run.
        folder: Run folder.
    """
    if rank() > 0:
        return
    earlier = read_ids(folder)
    ids = {}
    for name, logger in zip(nodes["logger"], loggers, strict=True):
        if isinstance(logger, MLFlowLogger):
            ids[name] = logger.run_id
        elif isinstance(logger, WandbLogger):
            ids[name] = logger.version
        # MLflow refuses parameters that change, as loader.workers may in a resumed run
        known = isinstance(logger, MLFlowLogger) and earlier.get(name) == ids[name]
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_text("configuration", _as_code(nodes))
        elif not known:
            logger.log_hyperparams(flatten(nodes))
    if ids != earlier:
        write_json(folder / IDS, ids)


def read_ids(folder: Path) -> dict[str, str]:
    """Read the ids of MLflow's and W&B's runs in a run folder, by the logger's name."""
    file = folder / IDS
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def flatten(nodes: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by their keys as on the command line, `optimizer.lr`."""
    flat = {}
    for name, value in nodes.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def log_results(loggers: Sequence[Logger], metrics: Mapping[str, Any], report: Path) -> None:
    """Give metrics.json and the report to the loggers that keep files with a run: MLflow and W&B.

    Args:
        loggers: Loggers of the run.
        metrics: Content of metrics.json, which need not be written yet.
        report: File of the report, which may be missing.
    """
    for logger in loggers if rank() == 0 else ():
        if isinstance(logger, MLFlowLogger):
            logger.experiment.log_text(logger.run_id, json_text(metrics), METRICS)
            if report.is_file():
                logger.experiment.log_artifact(logger.run_id, str(report))
        elif isinstance(logger, WandbLogger):
            kept = Path(logger.experiment.dir)
            write_json(kept / METRICS, metrics)
            if report.is_file():
                shutil.copy(report, kept)
            for file in (kept / METRICS, kept / report.name):
                if file.is_file():
                    logger.experiment.save(str(file), base_path=str(kept), policy="now")


def _as_code(nodes: Mapping[str, Any]) -> str:
    """Return a configuration as a block of code in Markdown, a key a line."""
    lines = [f"    {name}: {value}" for name, value in flatten(nodes).items()]
    return "\n".join(lines)


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    """Name the folder in an error that names no file, as TensorBoard's on a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename is None:
            error.filename = str(folder)
        raise


def _drop_from(logger: Logger, step: int) -> None:
    """Drop from a logger's files what a run will log again."""
    if isinstance(logger, CsvLogger):
        logger.drop_from(step)
    elif isinstance(logger, TensorBoardLogger) and any(Path(logger.log_dir).glob(EVENTS)):
        from torch.utils.tensorboard import SummaryWriter

        # an events file of its own: writers in other processes need not know
        SummaryWriter(logger.log_dir, purge_step=step).close()


def _close(logger: Logger, status: str) -> None:
    """End a logger; otherwise the next run of this process would log into the same W&B run."""
    if rank() > 0:
        return
    logger.finalize(status)
    if isinstance(logger, WandbLogger) and logger._experiment is not None:
        logger._experiment.finish(exit_code=int(status != "success"))


def _read_rows(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _write_rows(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = {name for row in rows for name in row}
    first = [name for name in ("epoch", "step") if name in columns]
    write_table(file, [*first, *sorted(columns.difference(first))], rows=rows)

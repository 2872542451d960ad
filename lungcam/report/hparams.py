"""TensorBoard's HParams tab: what a run was given beside what came of it."""

from collections.abc import Iterable, Mapping, Sequence

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger

# of each split; under names of their own, apart from the curves over the epochs
FIGURES = ("auc", "brier")


def log_hparams(
    loggers: Sequence[pl.loggers.Logger], overrides: Iterable[str], *, metrics: Mapping[str, dict]
) -> None:
    """Log a run's overrides once, after training, with the figures of its best epoch.

    A value logged before there is a result would draw a false point.

    Args:
        loggers: The run's; those that are not TensorBoard's are left alone.
        overrides: `key=value` as typed.
        metrics: As written to metrics.json.
    """
    given = {key: _number(value) for key, _, value in (one.partition("=") for one in overrides)}
    found = {
        f"hparams/{split}_{name}": metrics[split][name]
        for split in ("val", "test")
        for name in FIGURES
        if metrics[split].get(name) is not None
    }
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger) and found:
            logger.log_hyperparams(given, found)
            logger.finalize("logged")


def _number(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text

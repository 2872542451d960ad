"""TensorBoard's HParams tab: the overrides of a run with its metrics."""

from collections.abc import Iterable, Mapping, Sequence

import pytorch_lightning as pl
from pytorch_lightning.loggers import TensorBoardLogger

# of each split, under names that differ from those of the curves over the epochs
METRICS = ("auc", "brier")


def log_hparams(
    loggers: Sequence[pl.loggers.Logger], overrides: Iterable[str], *, metrics: Mapping[str, dict]
) -> None:
    """Log a run's overrides once, after training, with the metrics of its best epoch.

    A value logged before the result is known would draw a false point.

    Args:
        loggers: Loggers of the run; only TensorBoard's are used.
        overrides: `key=value` as typed.
        metrics: As written to metrics.json.
    """
    pairs = (override.partition("=") for override in overrides)
    hparams = {key: _to_number(value) for key, _, value in pairs}
    values = {
        f"hparams/{split}_{name}": metrics[split][name]
        for split in ("val", "test")
        for name in METRICS
        if metrics[split].get(name) is not None
    }
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger) and values:
            logger.log_hyperparams(hparams, values)
            logger.finalize("logged")


def _to_number(text: str) -> str | float:
    """Return the number that a text holds, or the text."""
    try:
        return float(text)
    except ValueError:
        return text

"""A sweep's runs as sweep.csv and on the terminal, best first."""

import os
from collections.abc import Sequence
from pathlib import Path

from lungcam.files import write_table
from lungcam.sweeps.trial import Trial, best_first, failed, figures, varied_keys

# after the settings, of the figures that metrics.json has
FIRST_FIGURES = ("test_auc", "test_auc_ci95_low", "test_auc_ci95_high")
SHOWN = 20


def write_sweep(file: Path, trials: Sequence[Trial]) -> None:
    """Write a row a run, best first, then the failed ones.

    Columns: job, status (done or failed), objective, every override by its key, the test AUC with
    its interval and all other figures of metrics.json as `val_...` and `test_...`, folder
    (relative to the table), reason.
    """
    keys = list(dict.fromkeys(key for trial in trials for key in trial.overrides))
    rows, names = [], list(FIRST_FIGURES)
    for trial in (*best_first(trials), *failed(trials)):
        found = {} if trial.objective is None else figures(trial.folder)
        names += [name for name in found if name not in names]
        rows.append(
            {
                **found,
                **trial.overrides,
                "job": trial.number,
                "status": "failed" if trial.reason else "done",
                "objective": trial.objective,
                "folder": Path(os.path.relpath(trial.folder, file.parent)).as_posix(),
                "reason": trial.reason,
            }
        )
    names = [name for name in names if any(name in row for row in rows)]
    columns = ["job", "status", "objective", *keys, *names, "folder", "reason"]
    write_table(file, list(dict.fromkeys(columns)), rows)


def describe_sweep(trials: Sequence[Trial]) -> str:
    """Put a sweep's runs into a few lines: the best first, then every failed one by its number."""
    done, bad, keys = best_first(trials), failed(trials), varied_keys(trials)
    head = f"sweep: {len(done)} of {len(trials)} runs gave a result"
    lines = ["", f"{head}, best validation AUC first" if done else head]
    rows = [["job", "val AUC", "test AUC (95 %)", *keys]]
    for trial in done[:SHOWN]:
        settings = [short(trial.overrides.get(key, "")) for key in keys]
        rows.append([str(trial.number), f"{trial.objective:.3f}", _test(trial.folder), *settings])
    if all(not row[2] for row in rows[1:]):
        rows = [[*row[:2], *row[3:]] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if done:
        lines += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if len(done) > SHOWN:
        lines.append(f"  and {len(done) - SHOWN} more, in sweep.csv")
    for trial in bad:
        lines.append(f"failed: job {trial.number} ({settings_of(trial, keys)}): {trial.reason}")
    return "\n".join(lines)


def settings_of(trial: Trial, keys: Sequence[str]) -> str:
    """The given settings of a trial, as typed but for long numbers."""
    found = [f"{key}={short(trial.overrides[key])}" for key in keys if key in trial.overrides]
    return ", ".join(found) or "no settings of its own"


def short(value: str) -> str:
    """A setting with no more digits than a reader needs."""
    try:
        number = float(value)
    except ValueError:
        return value
    return value if len(value) <= 7 else f"{number:.4g}"


def _test(folder: Path) -> str:
    found = figures(folder)
    if "test_auc" not in found:
        return ""
    text = f"{found['test_auc']:.3f}"
    if "test_auc_ci95_low" in found:
        text += f" ({found['test_auc_ci95_low']:.3f} to {found['test_auc_ci95_high']:.3f})"
    return text

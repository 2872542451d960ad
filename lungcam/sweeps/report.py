"""A sweep's runs as a picture.

A sweep's runs as sweep.csv and on the terminal, best first.

The end of a sweep.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lungcam.runtime.atomic import atomic_write, write_table
from lungcam.sweeps.trial import Trial, best_first, failed, read_figures, varied_keys

if TYPE_CHECKING:
    from matplotlib.axes import Axes
from lungcam.errors import InputError

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
        found = {} if trial.objective is None else read_figures(trial.folder)
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
    write_table(file, list(dict.fromkeys(columns)), rows=rows)


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
    found = read_figures(folder)
    if "test_auc" not in found:
        return ""
    text = f"{found['test_auc']:.3f}"
    if "test_auc_ci95_low" in found:
        text += f" ({found['test_auc_ci95_low']:.3f} to {found['test_auc_ci95_high']:.3f})"
    return text


OBJECTIVE = "validation AUC"
RUN, BEST, FAILED = "#2b6cb0", "#c05621", "#9b2c2c"
ROWS = 30  # runs with a line of their own
SLICES = 6  # settings with a panel of their own


def draw_sweep(file: Path, trials: Sequence[Trial], *, search: bool = False) -> None:
    """Draw every run's objective: best first, or for a search in its order and over each setting.

    Args:
        file: The PNG to write.
        trials: The sweep's runs.
        search: Whether the settings were searched, one run after another.
    """
    # slow to load
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    keys = varied_keys(trials)
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    if search and best_first(trials):
        shown = keys[:SLICES]
        across = max(1, min(3, len(shown)))
        down = -(-len(shown) // across)
        figure.set_size_inches(10, 3.6 + 2.8 * down)
        grid = figure.add_gridspec(1 + down, across)
        _history(figure.add_subplot(grid[0, :]), trials)
        for i, key in enumerate(shown):
            _slice(figure.add_subplot(grid[1 + i // across, i % across]), trials, key=key)
    else:
        rows = min(len(best_first(trials)), ROWS) + len(failed(trials)[:ROWS])
        figure.set_size_inches(10, 1.6 + 0.32 * max(rows, 3))
        _ranking(figure.add_subplot(), trials, keys=keys)
    with atomic_write(file) as temporary:
        figure.savefig(temporary, dpi=120)


def _ranking(axes: "Axes", trials: Sequence[Trial], *, keys: Sequence[str]) -> None:
    """A line a run, best on top, with its interval; failed runs below."""
    done, bad = best_first(trials)[:ROWS], failed(trials)[:ROWS]
    labels = []
    for row, trial in enumerate(done):
        colour = BEST if row == 0 else RUN
        found = read_figures(trial.folder)
        if "val_auc_ci95_low" in found:
            ends = found["val_auc_ci95_low"], found["val_auc_ci95_high"]
            axes.hlines(row, *ends, color=colour, alpha=0.35, linewidth=4)
        axes.plot(trial.objective, row, "o", color=colour, markersize=7)
        axes.annotate(
            f"{trial.objective:.3f}",
            (trial.objective, row),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            color=colour,
        )
        labels.append(f"{settings_of(trial, keys)}   job {trial.number}")
    for row, trial in enumerate(bad, len(done)):
        reason = trial.reason if len(trial.reason) < 90 else f"{trial.reason[:87]}..."
        axes.text(
            0.01,
            row,
            f"failed: {reason}",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=7,
            color=FAILED,
        )
        labels.append(f"{settings_of(trial, keys)}   job {trial.number}")
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_ylim(len(labels) - 0.4, -0.7)
    has_intervals = bool(axes.collections)
    axes.set_xlabel(OBJECTIVE + (", and its 95 % interval" if has_intervals else ""))
    left_out = len(best_first(trials)) - len(done)
    _title(axes, trials, addition=f"; the {ROWS} best" if left_out else "")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", alpha=0.3)


def _history(axes: "Axes", trials: Sequence[Trial]) -> None:
    """Objective over the trials, and the best so far."""
    done = sorted(best_first(trials), key=lambda trial: trial.number)
    numbers = [trial.number for trial in done]
    values = np.array([trial.objective for trial in done])
    axes.step(numbers, np.maximum.accumulate(values), where="post", color=BEST, label="best so far")
    axes.plot(numbers, values, "o", color=RUN, label="run")
    bad = [trial.number for trial in failed(trials)]
    if bad:
        axes.plot(
            bad,
            [0.02] * len(bad),
            "x",
            color=FAILED,
            label="failed",
            transform=axes.get_xaxis_transform(),
            clip_on=False,
        )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("job")
    axes.set_ylabel(OBJECTIVE)
    # beside the panel, where it hides no run
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)
    axes.grid(alpha=0.3)
    _title(axes, trials)


def _slice(axes: "Axes", trials: Sequence[Trial], *, key: str) -> None:
    """Objective over one setting."""
    done = [trial for trial in best_first(trials) if key in trial.overrides]
    texts = [trial.overrides[key] for trial in done]
    values = [trial.objective for trial in done]
    try:
        places = [float(text) for text in texts]
    except ValueError:
        places = []
    if places and len(set(texts)) > 6:
        if min(places) > 0 and max(places) > 20 * min(places):
            axes.set_xscale("log")
    else:
        named = sorted(set(texts), key=_by_size)
        places = [float(named.index(text)) for text in texts]
        axes.set_xticks(range(len(named)), [short(name) for name in named])
        axes.set_xlim(-0.5, len(named) - 0.5)
    axes.plot(places[1:], values[1:], "o", color=RUN, alpha=0.7, markersize=5)
    axes.plot(places[:1], values[:1], "o", color=BEST, markersize=7)
    axes.set_xlabel(key)
    axes.set_ylabel(OBJECTIVE, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)


def _by_size(text: str) -> tuple[bool, float, str]:
    try:
        return False, float(text), text
    except ValueError:
        return True, 0.0, text


def _title(axes: "Axes", trials: Sequence[Trial], *, addition: str = "") -> None:
    bad = len(failed(trials))
    text = f"{len(trials) - bad} of {len(trials)} runs gave a result{addition}"
    axes.set_title(text, loc="left", fontsize=10)
    best = best_first(trials)[:1]
    if best:
        axes.set_title(
            f"best: job {best[0].number}, {best[0].objective:.3f}",
            loc="right",
            fontsize=10,
            color=BEST,
        )


def finish(trials: Sequence[Trial], folder: Path, *, search: bool = False) -> None:
    """Write sweep.csv and sweep.png, print the table, and fail only if every run has.

    Args:
        trials: The sweep's runs.
        folder: The sweep folder.
        search: Whether the settings were searched, one run after another; the figure then shows
            how the search went on.

    Raises:
        InputError: Every run failed of bad input.
        Exception: Every run failed, and this one is a defect.
    """
    if trials and not any(one.reason or one.objective is not None for one in trials):
        print(f"{len(trials)} runs are done; none of them trained.", flush=True)
        return
    write_sweep(folder / "sweep.csv", trials)
    draw_sweep(folder / "sweep.png", trials, search=search)
    print(describe_sweep(trials))
    done = best_first(trials)
    if done:
        print(f"best run: {done[0].folder}")
    print(f"table: {folder / 'sweep.csv'}")
    print(f"figure: {folder / 'sweep.png'}", flush=True)
    if done or not trials:
        return
    for trial in trials:
        if trial.error is not None and not isinstance(trial.error, InputError):
            raise trial.error
    bad = failed(trials)
    told = "all" if len(bad) == len(trials) else f"{len(bad)} of"
    raise InputError(f"{told} {len(trials)} runs failed; the first: {bad[0].reason}")

"""Report of a sweep: sweep.csv, sweep.png and the lines on the terminal, best run first."""

import os
from collections.abc import Collection, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from lungcam.errors import InputError
from lungcam.runtime.atomic import atomic_write, write_table
from lungcam.sweeps.trial import (
    Trial,
    best_first,
    failed,
    read_figures,
    read_score,
    score_name,
    varied_keys,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TERMINAL_ROWS = 20
FIGURE_ROWS = 30  # runs with a row of their own
SLICES = 6  # settings with a panel of their own
RUN, BEST, FAILED = "#2b6cb0", "#c05621", "#9b2c2c"


def finish(
    trials: Sequence[Trial],
    folder: Path,
    *,
    search: bool = False,
    logarithmic: Collection[str] = (),
) -> None:
    """Write sweep.csv and sweep.png, print the table, and raise an error if every run failed.

    Args:
        trials: Runs of the sweep.
        folder: Sweep folder.
        search: True if the settings were searched, one run after another; the figure then shows
            the course of the search.
        logarithmic: Keys that were searched on a logarithmic axis.

    Raises:
        InputError: Every run failed because of bad input.
        Exception: Every run failed, one of them with this defect.
    """
    if trials and not any(trial.reason or trial.objective is not None for trial in trials):
        print(f"{len(trials)} runs are done; none of them trained.", flush=True)
        return
    write_sweep(folder / "sweep.csv", trials)
    draw_sweep(folder / "sweep.png", trials, search=search, logarithmic=logarithmic)
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
    failures = failed(trials)
    share = "all" if len(failures) == len(trials) else f"{len(failures)} of"
    raise InputError(f"{share} {len(trials)} runs failed; the first: {failures[0].reason}")


def write_sweep(file: Path, trials: Sequence[Trial]) -> None:
    """Write one row per run, best first, then the failed ones.

    Columns: job, status (done or failed), objective, every override by its key, the test score
    with its interval and all other figures of metrics.json as `val_...` and `test_...`, folder
    (relative to the table), reason.
    """
    keys = list(dict.fromkeys(key for trial in trials for key in trial.overrides))
    test = f"test_{read_score(trials)}"
    # after the settings, if metrics.json has them
    rows, names = [], [test, f"{test}_ci95_low", f"{test}_ci95_high"]
    for trial in (*best_first(trials), *failed(trials)):
        figures = {} if trial.objective is None else read_figures(trial.folder)
        names += [name for name in figures if name not in names]
        rows.append(
            {
                **figures,
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
    """Return the lines for the terminal: a table of the best runs, then every failed run."""
    done, keys = best_first(trials), varied_keys(trials)
    score = read_score(trials)
    name = score_name(score)
    title = f"sweep: {len(done)} of {len(trials)} runs gave a result"
    lines = ["", f"{title}, best validation {name} first" if done else title]
    rows = [["job", f"val {name}", f"test {name} (95 %)", *keys]]
    for trial in done[:TERMINAL_ROWS]:
        settings = [_short(trial.overrides.get(key, "")) for key in keys]
        test = unseen_score(trial.folder, score)
        rows.append([str(trial.number), f"{trial.objective:.3f}", test, *settings])
    if all(not row[2] for row in rows[1:]):
        rows = [[*row[:2], *row[3:]] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if done:
        lines += ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if len(done) > TERMINAL_ROWS:
        lines.append(f"  and {len(done) - TERMINAL_ROWS} more, in sweep.csv")
    for trial in failed(trials):
        lines.append(f"failed: job {trial.number} ({settings_of(trial, keys)}): {trial.reason}")
    return "\n".join(lines)


def draw_sweep(
    file: Path,
    trials: Sequence[Trial],
    *,
    search: bool = False,
    logarithmic: Collection[str] = (),
) -> None:
    """Draw the objective of every run: best first, or for a search in its order and by setting.

    Args:
        file: PNG file to write.
        trials: Runs of the sweep.
        search: True if the settings were searched, one run after another.
        logarithmic: Keys that were searched on a logarithmic axis.
    """
    # slow to load
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    keys = varied_keys(trials)
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    if search and best_first(trials):
        panels = keys[:SLICES]
        columns = max(1, min(3, len(panels)))
        rows = -(-len(panels) // columns)
        figure.set_size_inches(10, 3.6 + 2.8 * rows)
        grid = figure.add_gridspec(1 + rows, columns)
        _history(figure.add_subplot(grid[0, :]), trials)
        for i, key in enumerate(panels):
            axes = figure.add_subplot(grid[1 + i // columns, i % columns])
            _slice(axes, trials, key=key, logarithmic=key in logarithmic)
    else:
        rows = min(len(best_first(trials)), FIGURE_ROWS) + len(failed(trials)[:FIGURE_ROWS])
        figure.set_size_inches(10, 1.6 + 0.32 * max(rows, 3))
        _ranking(figure.add_subplot(), trials, keys=keys)
    with atomic_write(file) as temporary:
        figure.savefig(temporary, dpi=120)


def _ranking(axes: "Axes", trials: Sequence[Trial], *, keys: Sequence[str]) -> None:
    """Draw a row for each run with its interval, best on top and failed runs at the bottom."""
    done, failures = best_first(trials)[:FIGURE_ROWS], failed(trials)[:FIGURE_ROWS]
    labels, score = [], read_score(trials)
    for row, trial in enumerate(done):
        colour = BEST if row == 0 else RUN
        metrics = read_figures(trial.folder)
        if f"val_{score}_ci95_low" in metrics:
            ends = [metrics[f"val_{score}_ci95_{end}"] for end in ("low", "high")]
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
    for row, trial in enumerate(failures, len(done)):
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
    addition = ", and its 95 % interval" if has_intervals else ""
    axes.set_xlabel(f"validation {score_name(score)}{addition}")
    left_out = len(best_first(trials)) - len(done)
    _title(axes, trials, addition=f"; the {FIGURE_ROWS} best" if left_out else "")
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", alpha=0.3)


def _history(axes: "Axes", trials: Sequence[Trial]) -> None:
    """Draw the objective over the trials, and the best so far."""
    done = sorted(best_first(trials), key=lambda trial: trial.number)
    numbers = [trial.number for trial in done]
    values = [trial.objective for trial in done]
    best = list(accumulate(values, max))
    axes.step(numbers, best, where="post", color=BEST, label="best so far")
    axes.plot(numbers, values, "o", color=RUN, label="run")
    failures = [trial.number for trial in failed(trials)]
    if failures:
        axes.plot(
            failures,
            [0.02] * len(failures),
            "x",
            color=FAILED,
            label="failed",
            transform=axes.get_xaxis_transform(),
            clip_on=False,
        )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("job")
    axes.set_ylabel(f"validation {score_name(read_score(trials))}")
    # outside the panel, where it hides no run
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)
    axes.grid(alpha=0.3)
    _title(axes, trials)


def _slice(axes: "Axes", trials: Sequence[Trial], *, key: str, logarithmic: bool = False) -> None:
    """Draw the objective over one setting."""
    done = [trial for trial in best_first(trials) if key in trial.overrides]
    texts = [trial.overrides[key] for trial in done]
    values = [trial.objective for trial in done]
    try:
        positions = [float(text) for text in texts]
    except ValueError:
        positions = []
    if positions and min(positions) > 0 and logarithmic:
        axes.set_xscale("log")
    elif positions and len(set(texts)) > 6:
        if min(positions) > 0 and max(positions) > 20 * min(positions):
            axes.set_xscale("log")
    else:
        choices = sorted(set(texts), key=_numbers_first)
        positions = [float(choices.index(text)) for text in texts]
        axes.set_xticks(range(len(choices)), [_short(choice) for choice in choices])
        axes.set_xlim(-0.5, len(choices) - 0.5)
    axes.plot(positions[1:], values[1:], "o", color=RUN, alpha=0.7, markersize=5)
    axes.plot(positions[:1], values[:1], "o", color=BEST, markersize=7)
    axes.set_xlabel(key)
    axes.set_ylabel(f"validation {score_name(read_score(trials))}", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)


def _numbers_first(text: str) -> tuple[bool, float, str]:
    try:
        return False, float(text), text
    except ValueError:
        return True, 0.0, text


def _title(axes: "Axes", trials: Sequence[Trial], *, addition: str = "") -> None:
    count = len(failed(trials))
    text = f"{len(trials) - count} of {len(trials)} runs gave a result{addition}"
    axes.set_title(text, loc="left", fontsize=10)
    best = best_first(trials)[:1]
    if best:
        axes.set_title(
            f"best: job {best[0].number}, {best[0].objective:.3f}",
            loc="right",
            fontsize=10,
            color=BEST,
        )


def settings_of(trial: Trial, keys: Sequence[str]) -> str:
    """Return some settings of a trial as typed, with long numbers shortened."""
    settings = [f"{key}={_short(trial.overrides[key])}" for key in keys if key in trial.overrides]
    return ", ".join(settings) or "no settings of its own"


def _short(value: str) -> str:
    """Shorten a long number to four significant digits."""
    try:
        number = float(value)
    except ValueError:
        return value
    return value if len(value) <= 7 else f"{number:.4g}"


def unseen_score(folder: Path, score: str) -> str:
    """Return the test score of a run with its interval; empty if it has none."""
    figures = read_figures(folder)
    if f"test_{score}" not in figures:
        return ""
    text = f"{figures[f'test_{score}']:.3f}"
    low, high = (figures.get(f"test_{score}_ci95_{end}") for end in ("low", "high"))
    return text if low is None else f"{text} ({low:.3f} to {high:.3f})"

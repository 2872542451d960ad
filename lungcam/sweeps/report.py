"""A sweep's runs as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lungcam.files import whole
from lungcam.sweeps.table import settings_of, short
from lungcam.sweeps.trial import Trial, best_first, failed, figures, varied_keys

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OBJECTIVE = "validation AUC"
RUN, BEST, FAILED = "#2b6cb0", "#c05621", "#9b2c2c"
ROWS = 30  # runs with a line of their own
SLICES = 6  # settings with a panel of their own


def draw_sweep(file: Path, trials: Sequence[Trial], search: bool = False) -> None:
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
            _slice(figure.add_subplot(grid[1 + i // across, i % across]), trials, key)
    else:
        rows = min(len(best_first(trials)), ROWS) + len(failed(trials)[:ROWS])
        figure.set_size_inches(10, 1.6 + 0.32 * max(rows, 3))
        _ranking(figure.add_subplot(), trials, keys)
    with whole(file) as temporary:
        figure.savefig(temporary, dpi=120)


def _ranking(axes: "Axes", trials: Sequence[Trial], keys: Sequence[str]) -> None:
    """A line a run, best on top, with its interval; failed runs below."""
    done, bad = best_first(trials)[:ROWS], failed(trials)[:ROWS]
    labels = []
    for row, trial in enumerate(done):
        colour = BEST if row == 0 else RUN
        found = figures(trial.folder)
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
    _title(axes, trials, f"; the {ROWS} best" if left_out else "")
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


def _slice(axes: "Axes", trials: Sequence[Trial], key: str) -> None:
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


def _title(axes: "Axes", trials: Sequence[Trial], addition: str = "") -> None:
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

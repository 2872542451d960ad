"""The end of a sweep."""

from collections.abc import Sequence
from pathlib import Path

from lungcam.errors import InputError
from lungcam.sweeps.figure import draw_sweep
from lungcam.sweeps.table import describe_sweep, write_sweep
from lungcam.sweeps.trial import Trial, best_first, failed


def finish(trials: Sequence[Trial], folder: Path, search: bool = False) -> None:
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
    draw_sweep(folder / "sweep.png", trials, search)
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

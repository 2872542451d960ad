"""Report of a sweep as a page: report.html in its folder."""

import os
from collections.abc import Sequence
from pathlib import Path

from lungcam.report.page import write_page
from lungcam.report.sweep_page import sweep_page
from lungcam.runtime.command_line import command_line
from lungcam.sweeps.report import settings_of, unseen_score
from lungcam.sweeps.trial import (
    Trial,
    best_first,
    failed,
    read_score,
    score_name,
    varied_keys,
)


def write_sweep_report(folder: Path, trials: Sequence[Trial], *, arguments: Sequence[str]) -> None:
    """Write report.html, with the figure of the sweep and a row for each run.

    Args:
        folder: Sweep folder, with sweep.png if a run gave a result.
        trials: Runs of the sweep.
        arguments: Overrides of the command.
    """
    done, keys, score = best_first(trials), varied_keys(trials), read_score(trials)
    if not done:
        return
    name, figure = score_name(score), folder / "sweep.png"
    rows = [
        (
            [
                str(trial.number),
                f"{trial.objective:.3f}",
                unseen_score(trial.folder, score) or "–",
                *(trial.overrides.get(key, "") for key in keys),
            ],
            Path(os.path.relpath(trial.folder, folder)).as_posix()
            if (trial.folder / "report.html").is_file()
            else None,
        )
        for trial in done
    ]
    page = sweep_page(
        folder.name,
        columns=("Job", f"Validation {name}", f"Test {name} (95 %)", *keys),
        rows=rows,
        failures=[
            (f"job {trial.number}", f"{settings_of(trial, keys)}: {trial.reason}")
            for trial in failed(trials)
        ],
        figure=figure.read_bytes() if figure.is_file() else None,
        best=f"Best of {len(trials)} runs: job {done[0].number}, validation {name} "
        f"{done[0].objective:.3f}, with {settings_of(done[0], keys)}.",
        command=command_line(arguments, sweep=True),
    )
    write_page(folder / "report.html", page)

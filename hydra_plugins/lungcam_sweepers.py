"""Hydra sweepers that survive a failed run. Hydra finds plugins only in this namespace."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from lungcam.errors import InputError
from lungcam.runtime.atomic import write_text
from lungcam.runtime.lock import locked
from lungcam.sweeps import Trial, finish, lacks_space, trial_of
from lungcam.sweeps.sweep_folder import SETTINGS, claim_sweep_folder


class Grid(BasicSweeper):
    """Sweeper over all combinations, as Hydra's own, that continues after a failed run.

    Args:
        max_batch_size: Maximum number of jobs to launch at once; None for all.
        params: Settings to sweep, by key, in addition to the command line.
    """

    def sweep(self, arguments: list[str]) -> list[Trial]:
        """Run every combination.

        Raises:
            InputError: A setting has a range, or every run failed because of bad input.
            HydraException: A setting does not exist, or does not accept a value.
        """
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        for override in overrides:
            if override.is_sweep_override() and not override.is_discrete_sweep():
                raise InputError(f"{override.input_line}: a range needs hparams_search=tpe.")
        batches = self.split_arguments(overrides, self.max_batch_size)
        for batch in batches:
            self.validate_batch_is_legal(batch)
        trials: list[Trial] = []
        with self._own_folder() as folder:
            for batch in batches:
                trials += self._launch(batch, len(trials))
            finish(trials, folder)
            self._write_report(folder, trials)
        return trials

    @contextmanager
    def _own_folder(self) -> Iterator[Path]:
        """Make the sweep folder, with multirun.yaml as in Hydra's own sweeper, and lock it."""
        folder = Path(self.config.hydra.sweep.dir)
        with locked(folder, key="hydra.sweep.dir"):
            claim_sweep_folder(folder)
            write_text(folder / SETTINGS, OmegaConf.to_yaml(self.config))
            yield folder

    def _write_report(self, folder: Path, trials: Sequence[Trial]) -> None:
        # pages are not needed before the end
        from lungcam.runs.sweep_report import write_sweep_report

        write_sweep_report(folder, trials, arguments=list(self.config.hydra.overrides.task))

    def _launch(self, batch: Sequence[Sequence[str]], first: int) -> list[Trial]:
        jobs = self.launcher.launch(batch, initial_job_idx=first)
        return [
            trial_of(
                first + i, overrides, folder=Path(job.hydra_cfg.hydra.runtime.output_dir), job=job
            )
            for i, (overrides, job) in enumerate(zip(batch, jobs, strict=True))
        ]


class Tpe(Grid):
    """Optuna's TPE search, stored in the sweep folder and continued from there.

    Args:
        n_trials: Number of trials of the whole search, including those of earlier commands over
            the same folder.
        n_jobs: Number of trials to launch at once.
        seed: Seed of the proposals.
        params: Settings to search, by key, in Hydra's grammar; the command line overrides them.
    """

    def __init__(self, n_trials: int, n_jobs: int, seed: int, params: dict[str, str] | None = None):
        super().__init__(None, params)
        self.n_trials, self.n_jobs, self.seed = n_trials, n_jobs, seed

    def sweep(self, arguments: list[str]) -> list[Trial]:
        """Run trials until `n_trials` have finished or failed.

        Raises:
            InputError: Optuna is not installed, there is no setting to search, the folder's search
                has other settings, or every trial failed because of bad input.
            HydraException: A setting does not exist, or does not accept a value.
        """
        try:
            import lungcam.sweeps.study  # noqa: F401 - it needs Optuna
            from lungcam.sweeps.space import read_space, sample_overrides
        except ModuleNotFoundError as error:
            if error.name != "optuna":
                raise
            raise InputError(
                "hparams_search=tpe needs Optuna: pip install 'lungcam[sweep]'."
            ) from error
        if self.n_trials < 1 or self.n_jobs < 1:
            raise InputError("hydra.sweeper: n_trials and n_jobs must be 1 or more.")
        fixed, space = read_space(self.params, arguments, loader=self.hydra_context.config_loader)
        if not space:
            raise InputError(
                "hparams_search=tpe: no setting is left to search; give one a range, such as "
                "'optimizer.lr=tag(log,interval(1e-4,1e-2))'."
            )
        self.validate_batch_is_legal([[*fixed, *chosen] for chosen in sample_overrides(space)])
        with self._own_folder() as folder:
            return self._search(folder, fixed, space=space)

    def _search(self, folder: Path, fixed: list[str], *, space: Any) -> list[Trial]:
        """Run the trials that are missing in a sweep folder."""
        from lungcam.sweeps.study import Study

        study = Study(folder, fixed, space=space, seed=self.seed, parallel=self.n_jobs > 1)
        earlier = study.trials
        if earlier:
            print(
                f"{folder}: continues after {len(earlier)} of {self.n_trials} trials.", flush=True
            )
        trials = list(earlier)
        while len(trials) < self.n_trials:
            proposals = study.ask(min(self.n_jobs, self.n_trials - len(trials)))
            batch = [overrides for _, overrides in proposals]
            for trial in self._launch(batch, proposals[0][0]):
                if lacks_space(trial.error):
                    # the next trials would fail, too: the same command repeats this one
                    raise trial.error
                study.tell(trial)
                trials.append(trial)
        # distributions of choices have no scale
        logarithmic = {key for key, item in space.items() if getattr(item, "log", False)}
        finish(trials, folder, search=True, logarithmic=logarithmic)
        self._write_report(folder, trials)
        return trials

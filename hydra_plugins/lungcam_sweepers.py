"""Sweepers that survive a failed run. Hydra takes plugins from this namespace alone."""

from collections.abc import Sequence
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from lungcam.errors import InputError
from lungcam.sweeps import Trial, finish, trial_of


class Grid(BasicSweeper):
    """All combinations, as Hydra's own sweeper, to the end whatever fails.

    Args:
        max_batch_size: The most jobs to launch at once; None: all.
        params: What to sweep, by key, beside the command line.
    """

    def sweep(self, arguments: list[str]) -> list[Trial]:
        """Run every combination.

        Raises:
            InputError: A setting has a range, or every run failed of bad input.
            HydraException: A setting does not exist, or takes no such value.
        """
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        overrides = parser.parse_overrides([*self._parse_config(), *arguments])
        for override in overrides:
            if override.is_sweep_override() and not override.is_discrete_sweep():
                raise InputError(f"{override.input_line}: a range needs hparams_search=tpe.")
        batches = self.split_arguments(overrides, self.max_batch_size)
        for batch in batches:
            self.validate_batch_is_legal(batch)
        folder = self._folder()
        trials: list[Trial] = []
        for batch in batches:
            trials += self._launch(batch, len(trials))
        finish(trials, folder)
        return trials

    def _folder(self) -> Path:
        """Make the sweep folder, with multirun.yaml as Hydra's own sweeper has it."""
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        return folder

    def _launch(self, batch: Sequence[Sequence[str]], first: int) -> list[Trial]:
        jobs = self.launcher.launch(batch, initial_job_idx=first)
        return [
            trial_of(
                first + i, overrides, folder=Path(job.hydra_cfg.hydra.runtime.output_dir), job=job
            )
            for i, (overrides, job) in enumerate(zip(batch, jobs, strict=True))
        ]


class Tpe(Grid):
    """Optuna's TPE search, kept in the sweep folder and taken up again from there.

    Args:
        n_trials: Of the whole search, those of earlier commands over the same folder included.
        n_jobs: Trials that are launched at once.
        seed: Of the proposals.
        params: What to search, by key, in Hydra's grammar; the command line goes before it.
    """

    def __init__(self, n_trials: int, n_jobs: int, seed: int, params: dict[str, str] | None = None):
        super().__init__(None, params)
        self.n_trials, self.n_jobs, self.seed = n_trials, n_jobs, seed

    def sweep(self, arguments: list[str]) -> list[Trial]:
        """Run trials until `n_trials` have finished, well or badly.

        Raises:
            InputError: Optuna is not installed, nothing is to be searched, the folder's search
                has other settings, or every trial failed of bad input.
            HydraException: A setting does not exist, or takes no such value.
        """
        try:
            from lungcam.sweeps.space import read_space, sample_overrides
            from lungcam.sweeps.study import Study
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
        folder = self._folder()
        study = Study(folder, fixed, space=space, seed=self.seed, parallel=self.n_jobs > 1)
        earlier = study.trials
        if earlier:
            print(f"{folder}: goes on after {len(earlier)} of {self.n_trials} trials.", flush=True)
        trials = list(earlier)
        while len(trials) < self.n_trials:
            asked = study.ask(min(self.n_jobs, self.n_trials - len(trials)))
            for trial in self._launch([overrides for _, overrides in asked], asked[0][0]):
                study.tell(trial)
                trials.append(trial)
        finish(trials, folder, search=True)
        return trials

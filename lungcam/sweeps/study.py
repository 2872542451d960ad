"""A search that is kept on disk: Optuna's study, asked for settings and told what came of them."""

import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import distribution_to_json
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from lungcam.errors import InputError
from lungcam.sweeps.space import Space, override
from lungcam.sweeps.trial import Trial, split_overrides

FILE = "study.db"
INTERRUPTED, INSTEAD_OF = "interrupted", "instead_of"


class Study:
    """A search for settings that maximise an objective, in FOLDER/study.db (SQLite).

    A process may be killed at any moment. The next one over the same folder takes what the killed
    one was trying up again, under new numbers, and proposes what that one would have proposed:
    every proposal has a seed of its own, from `seed` and the number of trials finished before.

    Args:
        folder: The sweep folder.
        fixed: Overrides that are the same in every trial.
        space: What may be chosen.
        seed: Of the proposals.
        parallel: Whether trials run side by side; proposals then keep away from the others'.

    Raises:
        InputError: The folder's study has other settings.
    """

    def __init__(
        self, folder: Path, fixed: Sequence[str], *, space: Space, seed: int, parallel: bool = False
    ):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.folder, self.fixed, self.space = folder, list(fixed), space
        self.seed, self.parallel = seed, parallel
        self._asked: dict[int, optuna.Trial] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._study = optuna.create_study(
            storage=f"sqlite:///{folder / FILE}",
            study_name="lungcam",
            direction="maximize",
            load_if_exists=True,
        )
        self._check_settings()
        self._take_up()

    @property
    def trials(self) -> list[Trial]:
        """All finished trials; those that were interrupted are not."""
        return [self._trial(one) for one in self._finished()]

    def ask(self, count: int) -> list[tuple[int, list[str]]]:
        """Propose settings: the number and overrides of each trial; numbers follow one another.

        Args:
            count: Of trials that will run side by side.
        """
        seed = np.random.SeedSequence([self.seed, len(self._finished())]).generate_state(1)[0]
        with warnings.catch_warnings():
            # constant_liar is experimental by name
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study.sampler = TPESampler(seed=int(seed), constant_liar=self.parallel)
        asked = [self._study.ask(self.space) for _ in range(count)]
        self._asked |= {one.number: one for one in asked}
        return [
            (one.number, [*self.fixed, *(override(key, one.params[key]) for key in self.space)])
            for one in asked
        ]

    def tell(self, trial: Trial) -> None:
        """Record what came of a trial."""
        asked = self._asked.pop(trial.number)
        asked.set_user_attr("folder", os.path.relpath(trial.folder, self.folder))
        asked.set_user_attr("reason", trial.reason)
        if trial.objective is None:
            self._study.tell(trial.number, state=TrialState.FAIL)
        else:
            self._study.tell(trial.number, trial.objective)

    def _finished(self) -> list[FrozenTrial]:
        return [
            one
            for one in self._study.get_trials(deepcopy=False)
            if one.state.is_finished() and not one.user_attrs.get(INTERRUPTED)
        ]

    def _trial(self, one: FrozenTrial) -> Trial:
        chosen = [override(key, value) for key, value in one.params.items()]
        return Trial(
            number=one.number,
            overrides=split_overrides([*self.fixed, *chosen]),
            folder=self.folder / one.user_attrs.get("folder", str(one.number)),
            objective=one.value if one.state == TrialState.COMPLETE else None,
            reason=one.user_attrs.get("reason", ""),
        )

    def _check_settings(self) -> None:
        """Refuse to go on with other settings: objectives would not compare."""
        settings = split_overrides(self.fixed) | {
            key: json.loads(distribution_to_json(one)) for key, one in self.space.items()
        }
        known = self._study.user_attrs.get("settings")
        if known is None:
            self._study.set_user_attr("settings", settings)
            return
        for key in sorted(known.keys() | settings.keys()):
            if known.get(key) != settings.get(key):
                raise InputError(
                    f"{key}: the search in {self.folder} was begun with another setting; give the "
                    "same, or another hydra.sweep.dir."
                )

    def _take_up(self) -> None:
        """Mark what an earlier process left running as failed, and queue its settings again."""
        for one in self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            # Optuna has no public way to note anything on another process's trial
            self._study._storage.set_trial_user_attr(one._trial_id, INTERRUPTED, True)
            self._study.tell(one.number, state=TrialState.FAIL)
        trials = self._study.get_trials(deepcopy=False)
        replaced = {one.user_attrs.get(INSTEAD_OF) for one in trials}
        for one in trials:
            # this process may be killed here as well: what is queued already is not queued twice
            if one.user_attrs.get(INTERRUPTED) and one.params and one.number not in replaced:
                self._study.enqueue_trial(one.params, user_attrs={INSTEAD_OF: one.number})

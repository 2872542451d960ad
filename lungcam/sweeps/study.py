"""A search on disk: an Optuna study that proposes settings and records their results."""

import errno
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import distribution_to_json
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from lungcam.errors import InputError
from lungcam.sweeps.space import Space, format_override
from lungcam.sweeps.trial import Trial, split_overrides

FILE = "study.db"
# user attributes of Optuna's trials
INTERRUPTED, INSTEAD_OF = "interrupted", "instead_of"
FOREIGN = (
    "this is not the database of a search of this version, or it is damaged; give another "
    "hydra.sweep.dir."
)
UNWRITABLE = "it cannot be read or written any more; repeat the command."
# SQLite's own words
FULL = "database or disk is full"


class Study:
    """A search for settings that maximise an objective, in FOLDER/study.db (SQLite).

    A process may be killed at any moment. The next one over the same folder repeats the trials that
    were running then, under new numbers, and proposes what the killed one would have proposed:
    every proposal has a seed of its own, from `seed` and the number of trials finished before.

    Args:
        folder: Sweep folder.
        fixed: Overrides that are the same in every trial.
        space: Distribution of each key to search.
        seed: Seed of the proposals.
        parallel: True if trials run at the same time; each proposal then avoids the running ones.

    Raises:
        InputError: The folder's study has other settings, or its file is no such study.
        OSError: The file cannot be written.
    """

    def __init__(
        self, folder: Path, fixed: Sequence[str], *, space: Space, seed: int, parallel: bool = False
    ):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.folder, self.fixed, self.space = folder, list(fixed), space
        self.seed, self.parallel = seed, parallel
        self._running: dict[int, optuna.Trial] = {}
        folder.mkdir(parents=True, exist_ok=True)
        with self._open_file(FOREIGN):
            self._study = optuna.create_study(
                storage=f"sqlite:///{folder / FILE}",
                study_name="lungcam",
                direction="maximize",
                load_if_exists=True,
            )
            self._check_settings()
            self._requeue_interrupted()

    @property
    def trials(self) -> list[Trial]:
        """All finished trials, without the interrupted ones."""
        return [self._trial(record) for record in self._finished()]

    def ask(self, count: int) -> list[tuple[int, list[str]]]:
        """Propose settings: number and overrides of each trial; the numbers are consecutive.

        Args:
            count: Number of trials that will run at the same time.
        """
        seed = np.random.SeedSequence([self.seed, len(self._finished())]).generate_state(1)[0]
        with warnings.catch_warnings():
            # constant_liar is experimental by name
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study.sampler = TPESampler(seed=int(seed), constant_liar=self.parallel)
        with self._open_file(UNWRITABLE):
            proposals = [self._study.ask(self.space) for _ in range(count)]
        self._running |= {proposal.number: proposal for proposal in proposals}
        return [
            (
                proposal.number,
                [
                    *self.fixed,
                    *(format_override(key, proposal.params[key]) for key in self.space),
                ],
            )
            for proposal in proposals
        ]

    def tell(self, trial: Trial) -> None:
        """Record the result of a trial."""
        proposal = self._running.pop(trial.number)
        with self._open_file(UNWRITABLE):
            proposal.set_user_attr("folder", os.path.relpath(trial.folder, self.folder))
            proposal.set_user_attr("reason", trial.reason)
            if trial.objective is None:
                self._study.tell(trial.number, state=TrialState.FAIL)
            else:
                self._study.tell(trial.number, trial.objective)

    @contextmanager
    def _open_file(self, refusal: str) -> Iterator[None]:
        """Name the file if it cannot be read or written; Optuna and SQLAlchemy raise anything.

        Args:
            refusal: What is wrong with the file, and the remedy.
        """
        try:
            yield
        except (InputError, OSError, MemoryError):
            raise
        except Exception as error:
            file = self.folder / FILE
            if any(FULL in str(cause) for cause in (error, error.__cause__)):
                full = errno.ENOSPC
                raise OSError(full, os.strerror(full), str(file)) from error
            raise InputError(f"{file}: {refusal}") from error

    def _finished(self) -> list[FrozenTrial]:
        return [
            record
            for record in self._study.get_trials(deepcopy=False)
            if record.state.is_finished() and not record.user_attrs.get(INTERRUPTED)
        ]

    def _trial(self, record: FrozenTrial) -> Trial:
        chosen = [format_override(key, value) for key, value in record.params.items()]
        return Trial(
            number=record.number,
            overrides=split_overrides([*self.fixed, *chosen]),
            folder=self.folder / record.user_attrs.get("folder", str(record.number)),
            objective=record.value if record.state == TrialState.COMPLETE else None,
            reason=record.user_attrs.get("reason", ""),
        )

    def _check_settings(self) -> None:
        """Refuse to continue with other settings: the objectives could not be compared."""
        settings = split_overrides(self.fixed) | {
            key: json.loads(distribution_to_json(distribution))
            for key, distribution in self.space.items()
        }
        stored = self._study.user_attrs.get("settings")
        if stored is None:
            self._study.set_user_attr("settings", settings)
            return
        for key in sorted(stored.keys() | settings.keys()):
            if stored.get(key) != settings.get(key):
                raise InputError(
                    f"{key}: the search in {self.folder} was started with another setting; give "
                    "the same, or another hydra.sweep.dir."
                )

    def _requeue_interrupted(self) -> None:
        """Mark the running trials of an earlier process as failed and queue their settings."""
        for record in self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            # Optuna has no public way to set an attribute of another process's trial
            self._study._storage.set_trial_user_attr(record._trial_id, INTERRUPTED, True)
            self._study.tell(record.number, state=TrialState.FAIL)
        records = self._study.get_trials(deepcopy=False)
        replaced = {record.user_attrs.get(INSTEAD_OF) for record in records}
        for record in records:
            # this process may be killed here as well: nothing is queued twice
            interrupted = record.user_attrs.get(INTERRUPTED)
            if interrupted and record.params and record.number not in replaced:
                self._refuse_outside(record)
                self._study.enqueue_trial(record.params, user_attrs={INSTEAD_OF: record.number})

    def _refuse_outside(self, record: FrozenTrial) -> None:
        """Refuse settings that this search does not propose: Optuna would only warn."""
        for key, value in record.params.items():
            distribution = self.space.get(key)
            if distribution is None or not distribution._contains(
                distribution.to_internal_repr(value)
            ):
                raise InputError(f"{self.folder / FILE}: {FOREIGN}")

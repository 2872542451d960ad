"""Cohort that the node `data` of a configuration describes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lungcam.cohorts.sample import Cohort, Sample
from lungcam.config.instantiate import ALLOWED_TARGETS, instantiate
from lungcam.errors import InputError
from lungcam.scans.names import safe_name, unique_name


def compose_cohort(
    config: dict[str, Any], *, allowed: Sequence[str] | None = ALLOWED_TARGETS
) -> Cohort:
    """Read the cohort that a config describes.

    Args:
        config: Plain config of a function that returns a `Cohort`, or samples alone.
        allowed: As for `lungcam.config.instantiate.instantiate`.

    Raises:
        InputError: The function refuses a setting, or returns something else, no sample, or two
            samples with one sample_id.
    """
    cohort = instantiate(config, "data", allowed=allowed)
    target = config["_target_"]
    if not isinstance(cohort, Cohort):
        is_list = isinstance(cohort, Sequence) and not isinstance(cohort, str)
        if not is_list or not all(isinstance(sample, Sample) for sample in cohort):
            raise InputError(
                f"data: {target} returned no list of lungcam.cohorts.Sample, but "
                f"{type(cohort).__name__}; correct it."
            )
        cohort = Cohort(list(cohort), label_rule=f"label 1 as {target} gives it")
    names = [sample.sample_id for sample in cohort.samples]
    if not names:
        raise InputError(f"data: {target} returned no sample; check its settings.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"data: {target} gives the sample_id {twice} twice; name each once.")
    return replace(cohort, samples=_safely_named(cohort.samples))


def _safely_named(samples: Sequence[Sample]) -> list[Sample]:
    """Return samples with ids that can name folders: data sets name people in any way."""
    taken: set[str] = set()
    named = []
    for sample in samples:
        name = unique_name(safe_name(sample.sample_id) or "sample", taken)
        named.append(sample if name == sample.sample_id else replace(sample, sample_id=name))
    return named

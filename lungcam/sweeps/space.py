"""Search space: the settings that a search may choose, in Hydra's own grammar."""

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from lungcam.errors import InputError

Space = dict[str, BaseDistribution]


def read_space(
    params: Mapping[str, str], arguments: Sequence[str], *, loader: ConfigLoader | None = None
) -> tuple[list[str], Space]:
    """Separate the fixed settings from those to search.

    `interval(a,b)` is a range of numbers, `int(interval(a,b))` of integers; `tag(log, ...)` makes
    either logarithmic. `range(a,b,step)` excludes its end. `choice(a,b)`, `a,b` and `glob(*)` are
    named values.

    Args:
        params: Settings by key; a single value is allowed too.
        arguments: Command line, `key=value` each; it overrides `params`.
        loader: Config loader for `glob`.

    Returns:
        Overrides that are the same in every run, and the distribution of each other key.

    Raises:
        InputError: A range is empty, or logarithmic and not above 0.
    """
    parser = OverridesParser.create(config_loader=loader)
    defaults = parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
    typed = parser.parse_overrides(list(arguments))
    fixed: dict[str, str] = {}
    space: Space = {}
    for override in (*defaults, *typed):
        key = override.get_key_element()
        fixed.pop(key, None)
        space.pop(key, None)
        if override.is_sweep_override():
            space[key] = _distribution(override)
        else:
            fixed[key] = override.input_line or ""
    return list(fixed.values()), space


def format_override(key: str, value: object) -> str:
    """Write a chosen value as an override; numbers keep all their digits."""
    return f"{key}={value!r}" if isinstance(value, float) else f"{key}={value}"


def sample_overrides(space: Space) -> list[list[str]]:
    """Return lists of overrides that together name every key and every named value."""
    values = {
        key: list(distribution.choices)
        if isinstance(distribution, CategoricalDistribution)
        else [distribution.low, distribution.high]
        for key, distribution in space.items()
    }
    count = max((len(named) for named in values.values()), default=1)
    return [
        [format_override(key, named[i % len(named)]) for key, named in values.items()]
        for i in range(count)
    ]


def _distribution(override: Override) -> BaseDistribution:
    sweep = override.value()
    log = "log" in getattr(sweep, "tags", ())
    try:
        if isinstance(sweep, IntervalSweep):
            ends: list[Any] = [sweep.start, sweep.end]
            if all(isinstance(end, int) for end in ends):
                return IntDistribution(*ends, log=log)
            return FloatDistribution(*map(float, ends), log=log)
        if isinstance(sweep, RangeSweep):
            values = list(sweep.range())
            step = abs(sweep.step)
            if all(isinstance(value, int) for value in values):
                return IntDistribution(min(values), max(values), log=log, step=1 if log else step)
            return FloatDistribution(min(values), max(values), step=None if log else step, log=log)
        return CategoricalDistribution(tuple(override.sweep_string_iterator()))
    except ValueError as error:
        raise InputError(f"{override.input_line}: {' '.join(str(error).split())}") from error

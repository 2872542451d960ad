"""Schema of a checkpoint's metadata: each value has its type before anything is made from it."""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lungcam.errors import InputError, plain_text

# limits of a configuration, far above any real one
MAX_VALUES, MAX_DEPTH, LONGEST_TEXT = 100_000, 50, 10_000
LARGEST = 2**31
# channels, layers, voxels along an axis: no setting of a net is larger
LARGEST_OF_NET = 100_000
# voxels of a net's input: 512 along each axis
MOST_VOXELS = 1 << 27
# settings of a table's columns
TABLE_KEYS = ("columns", "coordinates", "negative", "positive", "classes", "tilt")
SHOWN = 40

Check = Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _is_length(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


def _is_list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list | tuple) and all(map(check, value))


def _is_whole(low: int) -> Check:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= low


def _or(*checks: Check) -> Check:
    return lambda value: any(check(value) for check in checks)


def _is_none(value: Any) -> bool:
    return value is None


def _is_triple(check: Check) -> Check:
    return lambda value: _is_list_of(check)(value) and len(value) == 3


def _is_range(value: Any) -> bool:
    return _is_list_of(_is_number)(value) and len(value) == 2 and value[0] <= value[1]


def _is_ranges(value: Any) -> bool:
    return _is_dict(value) and all(
        (_is_list_of(_is_text) if name == "kernels" else _is_range)(item)
        for name, item in value.items()
    )


def _is_score(value: Any) -> bool:
    """Return True for a score as `lungcam.evaluation.track_record.score_record` writes it."""
    if not (_is_dict(value) and _is_text(value.get("name")) and _is_whole(0)(value.get("n"))):
        return False
    checks = {
        "value": _is_number,
        "ci95": _is_range,
        "n_positive": _is_whole(0),
        "folds": _is_whole(1),
        "baseline": _is_baseline,
    }
    return all(value.get(key) is None or check(value[key]) for key, check in checks.items())


def _is_baseline(value: Any) -> bool:
    return (
        _is_dict(value)
        and _is_text(value.get("name"))
        and _is_number(value.get("value"))
        and (value.get("ci95") is None or _is_range(value["ci95"]))
    )


def _is_columns(value: Any) -> bool:
    column = _or(_is_none, _is_text, _is_list_of(_is_text))
    return _is_dict(value) and all(map(column, value.values()))


def _is_label(value: Any) -> bool:
    single = _or(_is_text, _is_number)
    return _or(_is_none, single, _is_list_of(single))(value)


def _is_classes(value: Any) -> bool:
    labels = _or(_is_label, lambda item: isinstance(item, dict))
    return _or(_is_none, _is_list_of(labels), _is_dict)(value)


def _is_node(value: Any) -> bool:
    return _is_dict(value) and isinstance(value.get("_target_"), str)


# what must be there
NEEDED: tuple[tuple[str, Check, str], ...] = (
    ("label_rule", _is_text, "a text"),
    ("config.model", _is_node, "a dict with the name of a net"),
    ("config.explain", _is_dict, "a dict"),
    ("config.explain.layer", _is_text, "the name of a layer"),
    (
        "config.transforms",
        lambda value: _is_dict(value) and all(map(_is_node, value.values())),
        "a dict of dicts, each with the name of a transform",
    ),
)
# what may be missing; earlier versions have fewer
OPTIONAL: tuple[tuple[str, Check, str], ...] = (
    ("threshold", lambda value: _is_number(value) and 0 <= value <= 1, "from 0 to 1"),
    ("calibration", _is_dict, "a dict"),
    ("calibration.slope", lambda value: _is_number(value) and value > 0, "above 0"),
    ("calibration.intercept", _is_number, "a number"),
    ("calibration.applied", lambda value: isinstance(value, bool), "true or false"),
    ("calibration.n", _is_whole(0), "a count"),
    ("calibration.n_positive", _is_whole(0), "a count"),
    ("pixels", _is_list_of(_is_text), "a list of texts"),
    ("series", _is_list_of(_is_text), "a list of texts"),
    ("training", _is_dict, "a dict"),
    ("training.cohort", _is_text, "a text"),
    ("training.synthetic", lambda value: isinstance(value, bool), "true or false"),
    *((f"training.{name}", _is_whole(0), "a count") for name in ("n", "n_positive", "n_patients")),
    ("training.inputs", _is_ranges, "a dict of ranges, and of kernels"),
    *(
        (key, _is_score, "a score with its name, value, interval and counts")
        for key in ("tested", "cross_validated")
    ),
    ("task", _is_dict, "a dict"),
    ("fit", _is_dict, "a dict"),
    ("plugins", _is_dict, "a dict"),
    ("versions", _is_dict, "a dict"),
    ("precision", _is_text, "a text"),
    ("config.task", _is_text, "the name of a task"),
    ("config.explain.method", _is_text, "a text"),
    ("config.explain.evidence", _is_text, "a text"),
    ("config.explain.class_name", _is_text, "a text"),
    ("config.view", _is_dict, "a dict"),
    ("config.view.shape", _is_triple(_is_whole(1)), "three numbers of voxels"),
    (
        "config.view.spacing_mm",
        _or(_is_length, _is_triple(_is_length)),
        "a length in mm, or three",
    ),
    (
        "config.table",
        lambda value: _is_dict(value) and value.keys() <= set(TABLE_KEYS),
        f"a dict of {', '.join(TABLE_KEYS)}",
    ),
    ("config.table.columns", _is_columns, "a dict of columns"),
    ("config.table.coordinates", _is_text, "a text"),
    ("config.table.negative", _is_label, "a range or words"),
    ("config.table.positive", _is_label, "a range or words"),
    ("config.table.classes", _is_classes, "a list or a dict of classes"),
    ("config.table.tilt", _is_text, "a text"),
)
MISSING = object()


def check_schema(file: Path, metadata: Mapping[str, Any]) -> None:
    """Refuse metadata with a value of another type, or beyond what a net needs.

    Args:
        file: File of the checkpoint, for the message.
        metadata: The metadata, any object.

    Raises:
        InputError: Names the file and the key.
    """
    if not _is_dict(metadata) or not _is_dict(metadata.get("config")):
        raise InputError(f"{file}: it does not say what its net is or reads; train again.")
    _refuse_unlikely(file, metadata["config"])
    for path, check, description in NEEDED:
        value = _value(metadata, path)
        if value is MISSING:
            raise InputError(f"{file}: it does not say what its net is or reads; train again.")
        _demand(file, path, value=value, check=check, description=description)
    for path, check, description in OPTIONAL:
        value = _value(metadata, path)
        if value is not MISSING and value is not None:
            _demand(file, path, value=value, check=check, description=description)


def _demand(file: Path, path: str, *, value: Any, check: Check, description: str) -> None:
    if not check(value):
        shown = plain_text(repr(value))
        shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
        raise InputError(f"{file}: {path} is {shown}, not {description}; train again.")


def _value(metadata: Mapping[str, Any], path: str) -> Any:
    value: Any = metadata
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return MISSING
        value = value[key]
    return value


def _refuse_unlikely(file: Path, config: dict[str, Any]) -> None:
    """Refuse objects that no configuration holds, and sizes that no net has."""
    for count, (path, value, depth) in enumerate(_walk(config)):
        if count > MAX_VALUES or depth > MAX_DEPTH:
            raise InputError(f"{file}: its configuration is too large; give another checkpoint.")
        if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
            raise InputError(f"{file}: {path} has a key that is no text; train again.")
        if not isinstance(value, dict | list | tuple | str | int | float | None):
            kind = type(value).__name__
            raise InputError(f"{file}: {path} is of type {kind}, not plain; train again.")
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise InputError(f"{file}: {path} is a text of {len(value)} letters; train again.")
        largest = LARGEST_OF_NET if path.startswith("config.model.") else LARGEST
        if isinstance(value, int | float) and not abs(value) <= largest:
            raise InputError(f"{file}: {path} is {value:.3g}, more than {largest}; train again.")
        is_shape = path.endswith(".shape") and _is_list_of(_is_whole(1))(value)
        if is_shape and math.prod(value) > MOST_VOXELS:
            raise InputError(f"{file}: {path} has {math.prod(value)} voxels; train again.")


def _walk(config: dict[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Yield the path, the value and the depth of everything in nested dicts and lists."""
    stack: list[tuple[str, Any, int]] = [("config", config, 0)]
    while stack:
        path, value, depth = stack.pop()
        yield path, value, depth
        if isinstance(value, dict):
            stack += [(f"{path}.{key}", item, depth + 1) for key, item in value.items()]
        elif isinstance(value, list | tuple):
            stack += [(path, item, depth + 1) for item in value]

"""Tasks that nets are trained for, chosen by `task=`."""

from collections.abc import Mapping, Sequence
from typing import Any

from lungcam.config.instantiate import instantiate
from lungcam.errors import InputError
from lungcam.tasks.classes import Classes
from lungcam.tasks.malignancy import Malignancy
from lungcam.tasks.number import Number
from lungcam.tasks.risk import Risk
from lungcam.tasks.task import Fit, Task

# a new task is one file of this package and one entry here
TASKS: dict[str, Task] = {task.name: task for task in (Malignancy(), Risk(), Classes(), Number())}

__all__ = [
    "TASKS",
    "Classes",
    "Fit",
    "Malignancy",
    "Number",
    "Risk",
    "Task",
    "refuse_without_positive",
    "task_named",
]


def task_named(name: str, *, allowed: Sequence[str] | None = ()) -> Task:
    """Return the task of a name.

    Args:
        name: One of `TASKS`, or the dotted name of a class of the user's own.
        allowed: Beginnings of dotted names that may be imported, or `ANY`; see
            `lungcam.config.instantiate`.

    Raises:
        InputError: There is no such task.
    """
    if isinstance(name, str) and "." in name:
        task = instantiate({"_target_": name}, "task", allowed=allowed)
        if not isinstance(task, Task):
            raise InputError(f"task={name}: it is no subclass of lungcam.tasks.Task; correct it.")
        return task
    task = TASKS.get(name) if isinstance(name, str) else None
    if task is None:
        raise InputError(f"task={name}: choose {', '.join(TASKS)}.")
    return task


def refuse_without_positive(
    task: Task, explain: Mapping[str, Any], *, metrics: Mapping[str, Any] | None = None
) -> None:
    """Refuse measures of heat-maps, and metrics, that need a positive class.

    Args:
        task: The task.
        explain: Node `explain` of the configuration.
        metrics: Node `metrics` of the configuration.

    Raises:
        InputError: One is requested, and the task has no such class.
    """
    for name in ("benchmark", "erase"):
        if explain[name] and not task.has_positive:
            raise InputError(
                f"explain.{name}=true: it needs lesions as the positive class, and task="
                f"{task.name} has none; leave it out."
            )
    if metrics and not task.has_positive:
        raise InputError(
            f"metrics: they are functions of labels 0 and 1, and task={task.name} has none; leave "
            "them out."
        )

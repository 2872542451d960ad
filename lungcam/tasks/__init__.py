"""Tasks that nets are trained for, chosen by `task=`."""

from lungcam.errors import InputError
from lungcam.tasks.malignancy import Malignancy
from lungcam.tasks.risk import Risk
from lungcam.tasks.task import Fit, Task

# a new task is one file of this package and one entry here
TASKS: dict[str, Task] = {task.name: task for task in (Malignancy(), Risk())}

__all__ = ["TASKS", "Fit", "Malignancy", "Risk", "Task", "task_named"]


def task_named(name: str) -> Task:
    """Return the task of a name.

    Raises:
        InputError: There is no such task.
    """
    task = TASKS.get(name) if isinstance(name, str) else None
    if task is None:
        raise InputError(f"task={name}: choose {' or '.join(TASKS)}.")
    return task

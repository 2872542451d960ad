"""The extra that DICOM objects need."""

import logging
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from lungcam.errors import InputError


def demand_highdicom() -> None:
    """Refuse where highdicom is not installed.

    Raises:
        InputError: It is not.
    """
    if find_spec("highdicom") is None:
        raise InputError("dicom=true: it needs highdicom; run pip install 'lungcam[dicom]'")


def highdicom() -> ModuleType:
    """Import highdicom, which tells the log of every module of attributes that it copies."""
    logging.getLogger("highdicom").setLevel(logging.WARNING)
    return import_module("highdicom")

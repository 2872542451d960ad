"""The extra that DICOM objects need.

What all DICOM objects say of their maker.

UIDs of what lungcam makes.
"""

import logging
import uuid
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from pydicom.dataset import Dataset

from lungcam import __version__
from lungcam.errors import InputError


def require_highdicom() -> None:
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


MAKER = {
    "manufacturer": "lungcam",
    "manufacturer_model_name": "lungcam",
    "software_versions": __version__,
    # it must be told, and a program has none
    "device_serial_number": "0",
    "specific_character_set": "ISO_IR 192",
}


def finish(made: Dataset, notice: str) -> None:
    """Add what a viewer shows in full, and where the body was looked at."""
    made.BodyPartExamined = "CHEST"
    made.ImageComments = notice


# of lungcam's own names, which nobody else derives UIDs from
NAMESPACE = uuid.UUID("0a3b5d62-0d0c-5c55-9f0e-6c756e676361")


def derived_uid(*names: object) -> str:
    """Derive a UID from what makes a result what it is (PS3.5 B.2, UUID version 5).

    The same names give the same UID on any machine, so that a result sent twice is there once.

    Args:
        names: Such as the source's UIDs, the checkpoint's hash, a hash of the pixels and a number.

    Returns:
        `2.25.` and the UUID as a number.
    """
    return f"2.25.{uuid.uuid5(NAMESPACE, '|'.join(map(str, names))).int}"

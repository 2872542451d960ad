"""Attributes that all DICOM objects share, their UIDs, and the import of highdicom."""

import logging
import uuid
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from pydicom.dataset import Dataset

from lungcam import __version__
from lungcam.errors import InputError

EQUIPMENT = {
    "manufacturer": "lungcam",
    "manufacturer_model_name": "lungcam",
    "software_versions": __version__,
    # required by the standard, though a program has none
    "device_serial_number": "0",
    "specific_character_set": "ISO_IR 192",
}
# namespace of lungcam's names, from which nothing else derives UIDs
NAMESPACE = uuid.UUID("0a3b5d62-0d0c-5c55-9f0e-6c756e676361")


def require_highdicom() -> None:
    """Check that highdicom is installed.

    Raises:
        InputError: If it is not.
    """
    if find_spec("highdicom") is None:
        raise InputError("dicom=true: it needs highdicom; run pip install 'lungcam[dicom]'")


def import_highdicom() -> ModuleType:
    """Import highdicom without its log message for each module of attributes that it copies."""
    logging.getLogger("highdicom").setLevel(logging.WARNING)
    return import_module("highdicom")


def add_common_attributes(dataset: Dataset, comments: str) -> None:
    """Add the examined body part and the image comments, which viewers show in full."""
    dataset.BodyPartExamined = "CHEST"
    dataset.ImageComments = comments


def derived_uid(*names: object) -> str:
    """Derive a UID from names (PS3.5 B.2, UUID version 5).

    The same names give the same UID on any machine, so that an archive stores a result only once
    even if it is sent twice.

    Args:
        names: Names that identify the result, such as the source's UIDs, the checkpoint's hash, a
            hash of the pixels and a number.

    Returns:
        `2.25.` and the UUID as a number.
    """
    return f"2.25.{uuid.uuid5(NAMESPACE, '|'.join(map(str, names))).int}"

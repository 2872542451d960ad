"""The extra that DICOM objects need."""

from importlib.util import find_spec

from lungcam.errors import InputError


def demand_highdicom() -> None:
    """Refuse where highdicom is not installed.

    Raises:
        InputError: It is not.
    """
    if find_spec("highdicom") is None:
        raise InputError("dicom=true: it needs highdicom; run pip install 'lungcam[dicom]'")

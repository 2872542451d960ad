"""What all DICOM objects say of their maker."""

from pydicom.dataset import Dataset

from lungcam import __version__

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

"""Folder of a sweep: what an earlier command wrote is replaced, and nothing else."""

from pathlib import Path

from lungcam.runtime.atomic import clear_unfinished
from lungcam.runtime.lock import clear_abandoned
from lungcam.runtime.written import keep_record, open_record

SETTINGS = "multirun.yaml"
FILES = (SETTINGS, "sweep.csv", "sweep.png", "report.html")


def claim_sweep_folder(folder: Path) -> None:
    """Begin to write into the folder of a sweep; one of an earlier version has no record.

    What killed processes have left unfinished is deleted.

    Raises:
        ForeignFile: A file is in the way that lungcam has not written.
    """
    # runs that were interrupted are repeated in folders of their own
    clear_unfinished(folder)
    clear_abandoned(folder)
    settings = folder / SETTINGS
    has_record = open_record(folder).file.exists()
    if settings.is_file() and not has_record and b"lungcam." in settings.read_bytes():
        return
    keep_record(folder).refuse_foreign(folder / name for name in FILES)

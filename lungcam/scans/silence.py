"""Libraries that speak past the caller."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import SimpleITK as sitk


@contextmanager
def silence() -> Iterator[None]:
    """Keep what pydicom, nibabel and ITK remark on odd files from the user's terminal.

    Their remarks may hold header values, which may name a patient; what is wrong with a file says
    the verdict. All is as before when the block ends.
    """
    nibabel = logging.getLogger("nibabel.global")
    itk_speaks = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    nibabel.addFilter(_nothing)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        nibabel.removeFilter(_nothing)
        sitk.ProcessObject.SetGlobalWarningDisplay(itk_speaks)


def _nothing(record: logging.LogRecord) -> bool:
    return False


@contextmanager
def silent_decoders() -> Iterator[None]:
    """Keep what GDCM's decoders print of damaged pixels from the terminal.

    They write to the process' standard error itself, past Python, and cannot be asked not to.
    """
    try:
        terminal = os.dup(2)
    except OSError:  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)

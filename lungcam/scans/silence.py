"""Context managers that keep libraries from writing to the terminal."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import SimpleITK as sitk


@contextmanager
def silence() -> Iterator[None]:
    """Suppress warnings and log messages of pydicom, nibabel and ITK.

    They may quote header values that identify a patient; faults are reported as findings instead.
    All settings are restored at the end of the block.
    """
    logger = logging.getLogger("nibabel.global")
    itk_display = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    logger.addFilter(_reject)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeFilter(_reject)
        sitk.ProcessObject.SetGlobalWarningDisplay(itk_display)


def _reject(record: logging.LogRecord) -> bool:
    return False


@contextmanager
def silence_decoders() -> Iterator[None]:
    """Suppress messages of GDCM's decoders about damaged pixels.

    The decoders write to file descriptor 2, past Python, and have no setting against it.
    """
    try:
        terminal = os.dup(2)
    except OSError:  # the process has no standard error
        yield
        return
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    os.close(devnull)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)

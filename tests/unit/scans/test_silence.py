"""Tests of the context managers that silence libraries."""

import logging
import os
import subprocess
import sys
import warnings

import SimpleITK as sitk

from lungcam.scans.silence import silence, silence_decoders


def test_settings_are_restored():
    nibabel = logging.getLogger("nibabel.global")
    before = sitk.ProcessObject.GetGlobalWarningDisplay(), list(nibabel.filters)
    filters = list(warnings.filters)
    with silence():
        warnings.warn("kept back", stacklevel=1)
        assert not sitk.ProcessObject.GetGlobalWarningDisplay()
    assert (sitk.ProcessObject.GetGlobalWarningDisplay(), list(nibabel.filters)) == before
    assert warnings.filters == filters


def test_decoders_are_silenced_within_the_block_only(capfd):
    with silence_decoders():
        os.write(2, b"chatter")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_reading_needs_no_torch():
    code = "import sys, lungcam.scans; print('torch' in sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "False"

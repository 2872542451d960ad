import subprocess
import sys

import pytest

from lungcam.dicom import require_highdicom
from lungcam.errors import InputError


def test_missing_highdicom_is_an_error_that_names_the_extra(monkeypatch):
    require_highdicom()
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(InputError, match=r"pip install 'lungcam\[dicom\]'"):
        require_highdicom()


def test_highdicom_is_imported_late():
    code = "import sys, lungcam.dicom; print('highdicom' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"

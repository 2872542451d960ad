"""What several tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """Folder of the public scans; the test skips where it is absent."""
    folder = Path(os.environ.get("LUNGCAM_SAMPLE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no sample data at {folder}: set LUNGCAM_SAMPLE_DATA")
    return folder


@pytest.fixture(scope="session")
def lidc_series(sample_data: Path) -> Path:
    """Folder of LIDC-IDRI-0001's CT series."""
    (series,) = (path for path in (sample_data / "lidc_idri" / "LIDC-IDRI-0001").glob("*/*"))
    return series

"""Fixtures of all tests."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """Return the folder of the public scans; the test is skipped without it."""
    folder = Path(os.environ.get("LUNGCAM_SAMPLE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no sample data at {folder}: set LUNGCAM_SAMPLE_DATA")
    return folder


@pytest.fixture(scope="session")
def lidc_series(sample_data: Path) -> Path:
    """Return the folder of the CT series of LIDC-IDRI-0001."""
    (series,) = (path for path in (sample_data / "lidc_idri" / "LIDC-IDRI-0001").glob("*/*"))
    return series


@pytest.fixture(scope="session")
def browser():
    """Start Debian's Chromium by Playwright; the test is skipped if either is missing."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium: install Debian's")
    reason = "needs playwright: '.[test]'"
    sync_playwright = pytest.importorskip("playwright.sync_api", reason=reason).sync_playwright
    # without a graphics card, it draws WebGL in software only on request
    options = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=options)
        yield chromium
        chromium.close()

"""Fixtures that several tests share."""

import os
import shutil
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


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium driven by Playwright; skips the test if either is missing."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium: install Debian's")
    reason = "needs playwright: '.[test]'"
    sync_playwright = pytest.importorskip("playwright.sync_api", reason=reason).sync_playwright
    # without a graphics card, Chromium needs these to draw WebGL in software
    options = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
    with sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=program, args=options)
        yield instance
        instance.close()

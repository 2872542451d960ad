"""What several tests share."""

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
def chromium():
    """Function of a page: opens it in a browser without network, and lists what went wrong."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium: install Debian's")
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
    # without a graphics card, Chromium draws WebGL in software only if told
    options = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)

        def open_page(file: Path, width: int = 1000, height: int = 900, **context):
            page = browser.new_context(
                offline=True, viewport={"width": width, "height": height}, **context
            ).new_page()
            page.complaints = []
            page.on("console", lambda one: page.complaints.append(one.text))
            page.on("pageerror", lambda one: page.complaints.append(str(one)))
            page.on(
                "request",
                lambda one: (
                    one.url.startswith(("file:", "data:", "blob:"))
                    or page.complaints.append(f"asked for {one.url}")
                ),
            )
            page.goto(file.as_uri())
            return page

        yield open_page
        browser.close()

"""Fixtures that several tests share, shares of the processors, and what is written at the end."""

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from .attacks.tally import Tallies

ROOT = Path(__file__).parents[1]
# read when the libraries are loaded: OpenMP (torch, oneDNN), OpenBLAS (numpy), ITK, VTK, Mesa
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "VTK_SMP_MAX_THREADS",
    "LP_NUM_THREADS",
)


TALLIES = Tallies()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of `make attacks`."""
    group = parser.getgroup("attacks")
    group.addoption("--all-moments", action="store_true", help="end jobs at all moments, not a few")
    group.addoption("--attacks-table", type=Path, help="write the table of the attacks to a file")


def pytest_configure(config: pytest.Config) -> None:
    """Give each of several workers, and its commands, an equal share of the processors."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        share = str(max(1, len(os.sched_getaffinity(0)) // workers))
        os.environ.update(dict.fromkeys(THREADS, share))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count the cases of the attacks."""
    TALLIES.add(report)


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter") -> None:
    """Write one line on the tests that were skipped, by reason, and the table of the attacks."""
    file = terminalreporter.config.getoption("attacks_table")
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(TALLIES.table(), encoding="utf-8")
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
    )
    words = "; ".join(f"{count} ({reason})" for reason, count in reasons.most_common())
    terminalreporter.write_line(f"{reasons.total()} skipped{f': {words}' if words else ''}")


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
def opengl() -> None:
    """Skip the test where nothing can be drawn."""
    from lungcam.render import RenderError, choose_mapper

    try:
        choose_mapper()
    except RenderError as error:
        pytest.skip(str(error))


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

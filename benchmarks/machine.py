"""Description of the machine."""

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = (
    "numpy",
    "scipy",
    "scikit-image",
    "simpleitk",
    "pydicom",
    "torch",
    "torchio",
    "monai",
    "connected-components-3d",
)


def machine() -> str:
    """Describe processor, memory, system and packages in a few lines."""
    day = datetime.date.today().isoformat()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return "\n".join(
        [
            f"- Processor: {_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, no GPU used",
            f"- System: {_system()}, Python {platform.python_version()}",
            f"- Packages: {packages}",
            f"- Date: {day}; load in the minute before the start: {os.getloadavg()[0]:.1f}",
        ]
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        name = platform.system()
    kernel = ".".join(platform.release().split(".")[:2])  # the rest may name a machine
    return f"{name}, {platform.system()} {kernel}"

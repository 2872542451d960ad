"""Pages that the system clears while the maps of a net are freed and requested again."""

import platform
import subprocess
import sys

import pytest

from lungcam.runtime import freed_memory

SCRIPT = """
import resource
import sys
import torch
from lungcam.runtime.freed_memory import keep_freed_memory

if "keep" in sys.argv:
    keep_freed_memory()
net = torch.nn.Sequential(
    torch.nn.Conv3d(1, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv3d(8, 1, 1)
)
image = torch.ones(2, 1, 96, 96, 96)
cleared = []
for _ in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    net(image).sum().backward()
    cleared.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
# the system may take pages away at any time from a machine that is short of memory
print(min(cleared))
"""


def pages_cleared(*arguments: str) -> int:
    command = [sys.executable, "-c", SCRIPT, *arguments]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="there is no GNU C library")
def test_memory_of_one_step_is_used_by_the_next():
    before, after = pages_cleared(), pages_cleared("keep")
    # arrays of 57 MB, above all thresholds of the C library, in pages of at most 2 MB
    assert before >= 40
    assert after < before / 4


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(freed_memory.sys, "platform", "win32")
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", None)
    freed_memory.keep_freed_memory()

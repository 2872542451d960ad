"""Kill the building of a cache at random moments: `python -m benchmarks.cache_kills [--kills N]`.

Kill `train.py prepare=1/1` with SIGKILL, with all its processes, at a random moment, and start it
again, N times. Then let two processes build one cache at the same time. Every file must equal that
of a cache that was never disturbed.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import ROOT, say
from lungcam.data.cache_inventory import inventory

SCANS = 48


def main() -> None:
    """Kill, complete the cache, compare and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        folder = Path(name)
        undisturbed = build(folder, "whole").wait()
        assert undisturbed == 0, "the undisturbed building failed"
        expected = contents(folder / "whole")
        kills, outcomes = 0, []
        while kills < arguments.kills:
            job = build(folder, "killed")
            # wait for the first file of this start, so that the kill hits the building
            begun = names(folder / "killed")
            while job.poll() is None and names(folder / "killed") <= begun:
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.3))
            if job.poll() is None:
                os.killpg(job.pid, signal.SIGKILL)
                kills += 1
            assert job.wait() in (0, -signal.SIGKILL), "a building was refused"
            states = [entry.state for entry in inventory(folder / "killed" / "inputs")]
            outcomes.append({state: states.count(state) for state in sorted(set(states))})
            say(f"kill {kills}: {outcomes[-1]}")
            assert "damaged" not in states
            if states.count("current") > len(expected) - 6:
                # nearly complete: remove the finished entries and go on
                for entry in inventory(folder / "killed" / "inputs"):
                    if entry.state == "current":
                        entry.file.unlink()
        assert build(folder, "killed").wait() == 0
        pair = [build(folder, "shared") for _ in range(2)]
        assert [job.wait() for job in pair] == [0, 0]
        for which in ("killed", "shared"):
            assert contents(folder / which) == expected, f"{which}: not the same"
        left = sum(outcome.get("left over", 0) > 0 for outcome in outcomes)
        print(
            f"{kills} kills of a building of {len(expected)} inputs, {left} of them with "
            "unfinished files left over: 0 damaged, all bytes equal to those of an undisturbed "
            "cache, and so are those of two processes that built one cache at the same time."
        )


def build(folder: Path, cache: str) -> subprocess.Popen:
    """Start preparing the phantoms, which all caches share."""
    (folder / cache).mkdir(exist_ok=True)
    return subprocess.Popen(
        [
            sys.executable,
            str(ROOT / "train.py"),
            "prepare=1/1",
            f"cache={cache}",
            f"data.root={folder / 'phantoms'}",
            f"data.n={SCANS}",
            "data.matrix=64",
            "hydra.run.dir=.",
            "hydra.output_subdir=null",
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # a group of its own, to be killed with its processes
        start_new_session=True,
    )


def names(cache: Path) -> set[str]:
    """Return the names of all prepared inputs; unfinished ones begin with a dot."""
    return {file.name for file in cache.glob("inputs/[0-9a-f]*.prepared")}


def contents(cache: Path) -> dict[str, bytes]:
    """Return the bytes of all prepared inputs by name."""
    return {name: (cache / "inputs" / name).read_bytes() for name in names(cache)}


if __name__ == "__main__":
    main()

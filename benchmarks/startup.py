"""Start-up of the commands, compared with the imports that nobody can avoid."""

import csv
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks import sample
from benchmarks.brief_training import train_briefly
from benchmarks.instruction_sets import on_each_set
from benchmarks.markdown import ratio_table
from benchmarks.measure import ROOT, Times, alternate, say

ROUNDS = 5
PEER = "import torch"
PLAIN = (PEER, "import torch, torchio", "import torch, torchio, pytorch_lightning")
HELP = "train.py --help"
WRONG = "infer.py, a wrong path"
PICTURE, NO_PICTURE = "infer.py, with a picture", "infer.py, without a picture"
WARM = "infer.py on a table, a scan after start-up"
# scans of a table, and times that it is predicted
COPIES, REPEATS = 6, 3
BAD_INPUT = 2
HOW = f"""\
## Start-up

Each command in a process of its own, from the shell's call to its end, files in the system's cache:
Python's imports alone, `--help`, input that is refused, and `infer.py` on LIDC-IDRI-0001 (133
slices of 512x512) by a `small3d` trained on phantoms, with all its files. Alternately; median
(least-most) of {ROUNDS} calls after the first one. The last row is the time from scan to scan in a
table of {COPIES} copies, of {REPEATS} calls.
"""


def measure(ckpt: str, scan: str, rounds: int) -> dict[str, Times]:
    """Time the commands.

    Args:
        ckpt: Folder of a run.
        scan: A scan.
        rounds: Timed calls of each, after a first one.
    """
    with tempfile.TemporaryDirectory(prefix="startup-") as name:
        folder = Path(name)
        numbers = count()

        def infer(*settings: str) -> None:
            arguments = (f"ckpt={ckpt}", f"scan={scan}", f"out={folder / str(next(numbers))}")
            run(["infer.py", *arguments, *settings], folder)

        calls = {imports: partial(run, ["-c", imports], folder) for imports in PLAIN}
        calls |= {
            HELP: partial(run, ["train.py", "--help"], folder),
            "train.py, a misspelt key": partial(run, ["train.py", "modle=x"], folder, BAD_INPUT),
            WRONG: partial(run, ["infer.py", "ckpt=none", f"scan={scan}"], folder, BAD_INPUT),
            NO_PICTURE: partial(infer, "picture=false"),
            PICTURE: infer,
        }
        times = alternate(calls, rounds)
        seconds = [_seconds_per_scan(ckpt, scan, folder / f"many-{k}") for k in range(REPEATS)]
        return times | {WARM: Times(seconds[0], seconds)}


def run(arguments: Sequence[str], folder: Path, code: int = 0) -> None:
    """Run Python, or one of the entry scripts, from a folder and check its exit code."""
    script, *rest = arguments
    command = [sys.executable, str(ROOT / script) if script.endswith(".py") else script, *rest]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != code:
        raise RuntimeError(f"{' '.join(command)}: {done.returncode}, {done.stderr[-2000:]}")


def _seconds_per_scan(ckpt: str, scan: str, folder: Path) -> float:
    """Predict copies of a scan, and return the mean time from one to the next."""
    folder.mkdir()
    names = [f"copy_{number}" for number in range(COPIES)]
    for name in names:
        (folder / name).symlink_to(Path(scan).resolve())
    with (folder / "copies.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["image"], *([name] for name in names)])
    out = folder / "out"
    run(["infer.py", f"ckpt={ckpt}", f"scan={folder / 'copies.csv'}", f"out={out}"], folder)
    ends = sorted(file.stat().st_mtime for file in out.glob("*/prediction.json"))
    assert len(ends) == COPIES
    say(f"{WARM}: {(ends[-1] - ends[0]) / (COPIES - 1):.2f} s")
    return (ends[-1] - ends[0]) / (COPIES - 1)


def section(data: Path) -> str:
    """Measure on a real scan.

    Args:
        data: Folder of the sample data.

    Returns:
        Markdown.
    """
    scan = sample.read(data, sample.LIDC).source
    with tempfile.TemporaryDirectory(prefix="trained-") as folder:
        ckpt = train_briefly(Path(folder), "model=small3d")
        results = on_each_set(measure, ckpt=ckpt, scan=scan, rounds=ROUNDS)
    rows = dict.fromkeys(next(iter(results.values())), PEER)
    return f"{HOW}\n{ratio_table(results, rows, ratio=f'times `{PEER}`')}\n"


if __name__ == "__main__":
    sample.script(section, __doc__)

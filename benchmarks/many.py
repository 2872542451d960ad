"""Prediction of a hundred scans.

`python -m benchmarks.many ckpt=RUN [scan=REAL] [kills=N] [scans=N]`

Make phantoms, damage five of them in five ways, and predict them with `infer.py` as a folder tree
and as a table: once undisturbed, measuring the memory of all processes, and once killed with
SIGKILL at random moments and started again. The results must be equal. The time is compared with a
plain loop over lungcam's functions in one process; with `scan=` also on copies of a real scan; each
also held to AVX2. Print Markdown.
"""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from benchmarks.instruction_sets import on_each_set
from benchmarks.machine import machine
from benchmarks.markdown import ratio_table, table
from benchmarks.measure import ROOT, Results, Times, say
from benchmarks.process_tree import descendants, memory
from lungcam.phantom import phantom_cohort
from lungcam.runtime.atomic import is_temporary

# copies of a real scan
COPIES = 16
TIMED = ("timings_s", "peak_memory_mb")
PLAIN, OURS = "plain loop", "infer.py"
IN_ALL, EACH = "in all", "a scan after start-up"


def main(ckpt: str, scan: str | None = None, kills: str = "10", scans: str = "100") -> None:
    """Measure, compare and print."""
    with tempfile.TemporaryDirectory(prefix="many-") as name:
        folder = Path(name)
        bad = lay_out(folder, int(scans))
        good = int(scans) - len(bad)
        rows = []
        for kind, path in (("folder tree", folder / "scans"), ("table", folder / "table.csv")):
            rows.append([kind, *watch(ckpt, path, folder / "whole")])
            expected = answers(folder / "whole")
            assert len(expected["predictions"]) == good, len(expected["predictions"])
            assert expected["errors"] == bad, expected["errors"]
            killed, orphans = kill(ckpt, path, folder / "killed", int(kills) // 2, good)
            assert answers(folder / "killed") == expected, "the killed run has other results"
            assert not [file for file in (folder / "killed").rglob("*") if is_temporary(file)]
            rows[-1] += [killed, orphans]
            for run in ("whole", "killed"):
                shutil.rmtree(folder / run)
        compare = partial(on_each_set, measure, ckpt=ckpt, folder=folder)
        speeds = {f"{scans} phantoms": compare(scan=folder / "scans", count=good)}
        if scan is not None:
            (folder / "copies").mkdir()
            for number in range(COPIES):
                (folder / "copies" / f"copy_{number:02d}").symlink_to(Path(scan).resolve())
            (folder / "copies.csv").write_text(
                "image\n" + "".join(f"copies/copy_{k:02d}\n" for k in range(COPIES))
            )
            label = f"{COPIES} times a scan of {Path(scan).name}"
            speeds[label] = compare(scan=folder / "copies.csv", count=COPIES)
        print(machine(), "\n")
        head = ["input", "s", "MB at scan 20", "MB at the last", "MB at most", "kills", "orphans"]
        print(
            f"{good} of {scans} predicted, {len(bad)} named, all results equal after the kills.\n"
        )
        print(table(head, [[a, f"{b:.0f}", *c] for a, b, *c in rows]))
        for scans_name, results in speeds.items():
            print(f"\n{scans_name}, one run each:\n\n{speed_table(results)}")


def lay_out(folder: Path, count: int) -> set[str]:
    """Make phantoms in a tree, damage five, list all in a table; return the names of the five."""
    cohort = phantom_cohort(folder / "phantoms", n=count, difficulty=0.3)
    rows, spoilt = [], {}
    kinds = iter((truncate, empty, water, no_voxels, few_slices))
    for number, sample in enumerate(cohort.samples):
        file = folder / "scans" / f"site {number // 10}" / sample.image.name
        file.parent.mkdir(parents=True, exist_ok=True)
        # spread the five evenly
        spoil = next(kinds, None) if number % (count // 5) == count // 10 else None
        if spoil is None:
            file.symlink_to(sample.image)
        else:
            file = spoil(sample.image, file)
            spoilt[sample.sample_id] = spoil.__name__
        rows.append({"image": file.relative_to(folder), "label": sample.label})
    with (folder / "table.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    assert len(spoilt) == 5
    return set(spoilt)


def truncate(image: Path, file: Path) -> Path:
    """Write an incomplete copy."""
    file.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    return file


def empty(image: Path, file: Path) -> Path:
    """Write an empty file."""
    file.touch()
    return file


def water(image: Path, file: Path) -> Path:
    """Write a volume without lungs."""
    scan = sitk.ReadImage(str(image))
    other = sitk.GetImageFromArray(np.zeros_like(sitk.GetArrayViewFromImage(scan)))
    other.CopyInformation(scan)
    sitk.WriteImage(other, str(file))
    return file


def no_voxels(image: Path, file: Path) -> Path:
    """Write a header without its voxels."""
    header = file.with_name(file.name.replace(".nii.gz", ".mhd"))
    sitk.WriteImage(sitk.ReadImage(str(image)), str(header))
    header.with_suffix(".raw").unlink()
    return header


def few_slices(image: Path, file: Path) -> Path:
    """Write a volume of six slices."""
    sitk.WriteImage(sitk.ReadImage(str(image))[:, :, :6], str(file))
    return file


def command(ckpt: str, scan: str | Path, out: Path) -> list[str]:
    """Return the command as a user types it."""
    return [sys.executable, str(ROOT / "infer.py"), f"ckpt={ckpt}", f"scan={scan}", f"out={out}"]


def watch(ckpt: str, scan: Path, out: Path) -> list[object]:
    """Run undisturbed; return the seconds, and the MB of all processes early, late and at most."""
    begun, seen = time.perf_counter(), {}
    with (out.parent / "log").open("ab") as log:
        job = subprocess.Popen(command(ckpt, scan, out), stdout=log, stderr=log)
    while job.poll() is None:
        done = finished(out)
        seen.setdefault(done, []).append(memory(job.pid) / 1e6)
        time.sleep(0.2)
    assert job.returncode == 0, (out.parent / "log").read_text()
    seconds = time.perf_counter() - begun
    # the maximum around that scan
    last = max(seen)
    early, late = (
        max(mb for scans, sizes in seen.items() if abs(scans - k) <= 5 for mb in sizes)
        for k in (min(20, last), last)
    )
    say(f"{scan.name}: {seconds:.0f} s, {early:.0f} MB at scan 20, {late:.0f} MB at scan {last}")
    most = max(mb for sizes in seen.values() for mb in sizes)
    return [seconds, f"{early:.0f}", f"{late:.0f}", f"{most:.0f}"]


def kill(ckpt: str, scan: Path, out: Path, count: int, good: int) -> tuple[int, int]:
    """Kill at random moments, then let it end; return the kills and the orphaned processes."""
    chance, kills, orphans = random.Random(0), 0, 0
    while True:
        with (out.parent / "log").open("ab") as log:
            job = subprocess.Popen(command(ckpt, scan, out), stdout=log, stderr=log)
        if kills == count:
            assert job.wait() == 0, (out.parent / "log").read_text()
            return kills, orphans
        # count finished scans, not seconds: the machine may be busy
        already = finished(out)
        aim = already + chance.randint(0, 2 * (good - already) // (count + 1 - kills) - 1)
        while job.poll() is None and finished(out) < aim:
            time.sleep(0.005)
        # before the first scan: during start-up
        time.sleep(chance.uniform(0, 1.0 if aim > already else 8.0))
        assert job.poll() is None, "it ended before it was killed"
        below = descendants(job.pid)
        os.kill(job.pid, signal.SIGKILL)
        job.wait()
        kills += 1
        say(f"kill {kills}: {finished(out)} scans done")
        orphans += survivors(below)


def finished(out: Path) -> int:
    """Return the number of finished scans."""
    return len(list(out.glob("*/prediction.json")))


def survivors(processes: list[int], within_s: float = 10.0) -> int:
    """Return the number of processes that still exist after a while."""
    end = time.perf_counter() + within_s
    while time.perf_counter() < end:
        processes = [process for process in processes if Path(f"/proc/{process}").exists()]
        if not processes:
            break
        time.sleep(0.05)
    return len(processes)


def answers(out: Path) -> dict[str, object]:
    """Return everything that was written, except times and memory."""
    with (out / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    predictions = {}
    for file in out.glob("*/prediction.json"):
        record = json.loads(file.read_text())
        predictions[file.parent.name] = {k: v for k, v in record.items() if k not in TIMED}
    metrics = out / "metrics.json"
    return {
        "rows": rows,
        "errors": {row["sample_id"] for row in rows if row["error"]},
        "predictions": predictions,
        "maps": {str(file.relative_to(out)): file.read_bytes() for file in out.glob("*/*.nii.gz")},
        "metrics": metrics.is_file() and metrics.read_text(),
    }


def measure(ckpt: str, scan: str, folder: str, count: int) -> dict[str, Times]:
    """Time the plain loop and infer.py: in all, and from scan to scan after start-up.

    Args:
        ckpt: Run folder of the net.
        scan: Folder or table of scans.
        folder: Scratch folder.
        count: Number of scans that can be predicted.
    """
    times = {}
    for name in (PLAIN, OURS):
        out = Path(folder) / "compared"
        plain = [sys.executable, "-m", "benchmarks.plain_loop", ckpt, scan, str(out)]
        begun = time.perf_counter()
        job = plain if name == PLAIN else command(ckpt, scan, out)
        subprocess.run(job, check=True, cwd=ROOT, capture_output=True)
        times[f"{name}, {IN_ALL}"] = Times.of([time.perf_counter() - begun])
        ends = sorted(file.stat().st_mtime for file in out.glob("*/prediction.json"))
        assert len(ends) == count
        times[f"{name}, {EACH}"] = Times.of([(ends[-1] - ends[0]) / (count - 1)])
        shutil.rmtree(out)
    return times


def speed_table(results: Results) -> str:
    """Return a table of infer.py and the plain loop."""
    peers = {
        f"{name}, {what}": f"{PLAIN}, {what}" for what in (IN_ALL, EACH) for name in (PLAIN, OURS)
    }
    return ratio_table(results, peers, ratio="times the plain loop")


if __name__ == "__main__":
    main(**dict(argument.split("=", 1) for argument in sys.argv[1:]))

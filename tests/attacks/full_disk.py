"""Run jobs on a disk that gets full at moments spread over all that they write.

`python tests/attacks/full_disk.py FOLDER [--moments 20] [JOB...]`, as root: the disk is a tmpfs.

Every job is run once with room, which says how many bytes it writes. Then it is run with a share of
this room: it must end with exit code 2 and one line, and leave no file half-written. Then the room
comes back, and the same command must give the same results. Results, caches and temporary files lie
on the disk. Print a line of JSON for each job.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from small_disk import small_disk
from small_jobs import JOBS, Job, fork, half_written, left_over, load, make_inputs

from lungcam.cli.app import BAD_INPUT, DONE

SIZE = 1 << 30
KINDS = ("training", "evaluation", "single", "batch", "check", "cache", "search")
BALLAST = "ballast"


def used(disk: Path) -> int:
    """Return the bytes in use."""
    status = os.statvfs(disk)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def leave(disk: Path, room: int) -> None:
    """Fill a disk up to so many bytes."""
    with (disk / BALLAST).open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, max(1, SIZE - used(disk) - room))


def clear(disk: Path) -> None:
    """Remove everything."""
    for path in disk.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def run(job: Job, folder: Path, out: Path) -> tuple[int, list[str]]:
    """Run a job; return its exit code and the lines of its output, without progress bars."""
    log = folder / "full.log"
    log.unlink(missing_ok=True)
    # the command that began it, not that which goes on
    child = fork(job.arguments(folder, out), cwd=out.parent, log=log)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    text = log.read_text(errors="backslashreplace").replace("\r", "\n")
    return code, [line for line in text.splitlines() if line.strip() and "%|" not in line]


def faults(job: Job, folder: Path, *, whole: Path, disk: Path, room: int) -> list[str]:
    """Run a job with so little room, and then with enough; return what is not as promised."""
    out = disk / whole.name
    clear(disk)
    leave(disk, room)
    code, lines = run(job, folder, out)
    if code == DONE:
        return ["it had room enough"]
    wrong = [] if code == BAD_INPUT else [f"exit code {code}"]
    errors = [line for line in lines if line.startswith("lungcam: ")]
    if len(errors) != 1 or errors != lines[-1:] or any("Traceback" in line for line in lines):
        wrong.append(f"more than a line, or none: {lines[-8:]}")
    elif "space" not in errors[0]:
        wrong.append(f"it does not say what is lacking: {errors[0]}")
    wrong += [f"half-written: {file}" for file in half_written(disk)]
    wrong += [f"{file} is left" for file in left_over(disk)]
    (disk / BALLAST).unlink()
    code, lines = run(job, folder, out)
    if code != DONE:
        return [*wrong, f"with room again: exit code {code}: {lines[-3:]}"]
    return [*wrong, *(f"{what} differs" for what in job.differences(whole, out))]


def main() -> None:
    """Try every job at all moments, and exit with 1 if anything is not as promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("jobs", nargs="*", default=KINDS)
    parser.add_argument("--moments", type=int, default=20)
    arguments = parser.parse_args()
    folder = arguments.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    load()
    make_inputs(folder)
    broken = False
    with small_disk(folder / "disk", SIZE) as disk:
        for name in arguments.jobs or KINDS:
            job, out, whole = JOBS[name], disk / name, folder / "with-room" / name
            clear(disk)
            before = used(disk)
            code, lines = run(job, folder, out)
            assert code == DONE, lines
            needed = used(disk) - before
            shutil.rmtree(whole, ignore_errors=True)
            shutil.copytree(out, whole)
            print(f"{name}: {needed / 1e6:.2f} MB", file=sys.stderr)
            wrong, held = [], 0
            for k in range(arguments.moments):
                room = round(needed * (k + 0.5) / arguments.moments)
                new = faults(job, folder, whole=whole, disk=disk, room=room)
                print(f"{name}: {room / 1e6:.2f} MB: {new or 'held'}", file=sys.stderr, flush=True)
                wrong += [f"{room} bytes: {fault}" for fault in new]
                held += not new
            broken |= bool(wrong)
            result = {"job": name, "cases": arguments.moments, "held": held, "faults": wrong}
            print(json.dumps(result), flush=True)
    sys.exit(broken)


if __name__ == "__main__":
    main()

"""Kill a training, go on with `resume=`, and compare with one that was never killed.

python -m benchmarks.kills FOLDER N             N kills at random moments
python -m benchmarks.kills FOLDER NAME:COUNT... one kill at each of these calls, one after the other

Each life is a fork of one process that has loaded torch and the rest, which would take most of its
time; it then does all that `python train.py` does, and is ended by SIGKILL.
"""

import os
import random
import runpy
import shutil
import signal
import sys
import time
from pathlib import Path

import torch

import lungcam.runs.train
import lungcam.runtime.atomic
from lungcam.training import Classifier

ROOT = Path(__file__).parents[1]
SETTINGS = (
    "data.n=16",
    "data.matrix=96",
    "view.shape=[24,18,24]",
    "view.spacing_mm=15",
    "split.val=0.25",
    "split.test=0.25",
    "loader.batch_size=2",
    "model.dropout=0.3",
)
# a life with heat-maps, for kills at chosen moments, and one that mostly trains, for random ones
SHORT = (
    *SETTINGS,
    "trainer.max_epochs=4",
    "callbacks.export.val=0",
    "callbacks.export.test=1",
)
LONG = (*SETTINGS, "trainer.max_epochs=40", "callbacks=checkpoint")
# what may differ: times, and events, which are compared by their values
TIMED = ("tfevents", "train.log")
# by name, what a life can be killed at
CALLS = {
    "training_step": Classifier,
    "validation_step": Classifier,
    "predict_step": Classifier,
    "replace": lungcam.runtime.atomic.os,
}


def kill_at(name: str, count: int) -> None:
    """Have this process kill itself at a call."""
    real, calls = getattr(CALLS[name], name), 0

    def killing(*given, **named):
        nonlocal calls
        calls += 1
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **named)

    setattr(CALLS[name], name, killing)


def live(
    run: Path,
    after: float | None = None,
    at: str | None = None,
    settings: tuple[str, ...] = SHORT,
) -> bool:
    """Begin a run or go on with it, and kill it, if it lives so long.

    Args:
        run: Its folder.
        after: Seconds of computing to the kill.
        at: Or the call at which it is killed, `NAME:COUNT`.
        settings: Of a run that begins.

    Returns:
        Whether it was killed.
    """
    begun = (run / ".hydra" / "overrides.yaml").is_file()
    arguments = (f"resume={run}",) if begun else (*settings, f"hydra.run.dir={run}")
    child = os.fork()
    if child == 0:
        os.setsid()
        with (run.parent / "lives.log").open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        if at is not None:
            name, _, count = at.partition(":")
            kill_at(name, int(count))
        sys.argv = [str(ROOT / "train.py"), *arguments]
        code = 0
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as end:
            code = end.code or 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    if after is not None:
        here = (os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        while os.waitid(*here) is None and spent(child) < after:
            time.sleep(0.005)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    if os.WEXITSTATUS(status) != 0:
        raise SystemExit(f"a life ended with {os.WEXITSTATUS(status)}: see lives.log")
    return False


def spent(process: int) -> float:
    """Seconds that a process has computed, whatever else the machine is busy with."""
    ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def reached(run: Path) -> str:
    """How far a run has come."""
    last = run / "checkpoints" / "last.ckpt"
    if not last.is_file():
        return "before the first checkpoint"
    state = torch.load(last, weights_only=True)
    if state["callbacks"]["LastCheckpoint"]["trained"]:
        return "after the training"
    return f"after epoch {state['epoch']}"


def scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows of a run: steps and values by name."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run))
    events.Reload()
    names = events.Tags()["scalars"]
    return {name: [(one.step, one.value) for one in events.Scalars(name)] for name in names}


def differences(one: Path, other: Path) -> list[str]:
    """What two run folders do not have in common, times left aside."""
    kept = [
        {
            str(file.relative_to(run)): _content(file, run)
            for file in run.rglob("*")
            if file.is_file() and not any(part in file.name for part in TIMED)
        }
        for run in (one, other)
    ]
    found = []
    for name in sorted(kept[0].keys() | kept[1].keys()):
        if name.startswith(".hydra") or kept[0].get(name) == kept[1].get(name):
            continue
        if name.endswith(".ckpt") and all(name in files for files in kept):
            first, second = (torch.load(run / name, weights_only=True) for run in (one, other))
            found += [
                f"{name}: {key}"
                for key in ("state_dict", "optimizer_states", "lr_schedulers", "lungcam", "epoch")
                if not same(first[key], second[key])
            ]
        else:
            found.append(name)
    if scalars(one) != scalars(other):
        found.append("TensorBoard")
    return found


def _content(file: Path, run: Path) -> bytes:
    """A file's bytes; a page tells the name of the run's folder, which is its own."""
    content = file.read_bytes()
    return content.replace(run.name.encode(), b"RUN") if file.suffix == ".html" else content


def same(one: object, other: object) -> bool:
    """Whether nested values are equal, tensors bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def random_kills(folder: Path, count: int) -> list[str]:
    """Kill lives at random moments, and say what differs in the runs that they end in."""
    begun = sum(os.times()[2:4])
    shutil.rmtree(folder / "never-killed")
    live(folder / "never-killed", settings=LONG)
    lasts = sum(os.times()[2:4]) - begun
    print(f"a run computes {lasts:.1f} s when it is not killed", flush=True)
    kills, found, chance = 0, [], random.Random(0)
    for life in range(count):
        run = folder / f"killed-{life}"
        while kills < count:
            moment = chance.uniform(0, lasts)
            if not live(run, after=moment, settings=LONG):
                break
            kills += 1
            told = reached(run)
            print(f"kill {kills} after {moment:.1f} s: {told}", flush=True)
            if told == "after the training":
                break  # let it end: another run is to be killed while it trains
        live(run, settings=LONG)
        found += differences(folder / "never-killed", run)
        print(f"run {life}: {found or 'equal'}", flush=True)
        if kills == count:
            break
    return found


def main(folder: Path, moments: list[str]) -> None:
    """Make the run that is not killed, then the others, and end with 1 if anything differs."""
    folder.mkdir(parents=True, exist_ok=True)
    # their relative paths are meant from here
    os.chdir(folder)
    live(folder / "never-killed")
    if moments[0].isdigit():
        found = random_kills(folder, int(moments[0]))
    else:
        for moment in moments:
            if not live(folder / "killed", at=moment):
                raise SystemExit(f"{moment}: the run ended before it")
            print(f"killed at {moment}: {reached(folder / 'killed')}", flush=True)
        live(folder / "killed")
        found = differences(folder / "never-killed", folder / "killed")
        print(found or "equal")
    sys.exit(bool(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2:])

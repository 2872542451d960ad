"""Kill a training run, resume it, and compare it with one that was never killed.

python -m benchmarks.kills FOLDER N             N kills at random moments
python -m benchmarks.kills FOLDER NAME:COUNT... one kill at each of these calls, in turn

Each process is forked from one that has already loaded torch, then does everything that
`python train.py` does, and is killed with SIGKILL.
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
import lungcam.runtime.written
from lungcam.training.classifier import Classifier

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
# with heat-maps, for kills at chosen moments; mostly training, for random ones
SHORT = (
    *SETTINGS,
    "trainer.max_epochs=4",
    "callbacks.export.val=0",
    "callbacks.export.test=1",
)
LONG = (*SETTINGS, "trainer.max_epochs=40", "callbacks=checkpoint")
# files that may differ: times, events, which are compared by value, and the record of the files,
# which lists each time that one was written
TIMED = ("tfevents", "train.log", lungcam.runtime.written.NAME)
# calls at which a process can be killed
CALLS = {
    "training_step": Classifier,
    "validation_step": Classifier,
    "predict_step": Classifier,
    "replace": lungcam.runtime.atomic.os,
}


def kill_at(name: str, count: int) -> None:
    """Make this process kill itself at a call."""
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
    call: str | None = None,
    settings: tuple[str, ...] = SHORT,
) -> bool:
    """Start or resume a run, and kill it unless it ends first.

    Args:
        run: Folder of the run.
        after: Seconds of processor time until the kill.
        call: Call at which it is killed, `NAME:COUNT`.
        settings: Settings of a new run.

    Returns:
        True if it was killed.
    """
    begun = (run / ".hydra" / "overrides.yaml").is_file()
    arguments = (f"resume={run}",) if begun else (*settings, f"hydra.run.dir={run}")
    child = os.fork()
    if child == 0:
        os.setsid()
        with (run.parent / "lives.log").open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        if call is not None:
            name, _, count = call.partition(":")
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
        raise SystemExit(f"a run ended with {os.WEXITSTATUS(status)}: see lives.log")
    return False


def spent(process: int) -> float:
    """Return the processor time of a process in seconds."""
    ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def reached(run: Path) -> str:
    """Return the progress of a run."""
    last = run / "checkpoints" / "last.ckpt"
    if not last.is_file():
        return "before the first checkpoint"
    state = torch.load(last, weights_only=True)
    if state["callbacks"]["LastCheckpoint"]["trained"]:
        return "after the training"
    return f"after epoch {state['epoch']}"


def scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Return the steps and values that TensorBoard shows of a run, by name."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run))
    events.Reload()
    names = events.Tags()["scalars"]
    return {name: [(event.step, event.value) for event in events.Scalars(name)] for name in names}


def differences(left: Path, right: Path) -> list[str]:
    """Return the differences between two run folders, except times."""
    kept = [
        {
            str(file.relative_to(run)): _content(file, run)
            for file in run.rglob("*")
            if file.is_file() and not any(part in file.name for part in TIMED)
        }
        for run in (left, right)
    ]
    differing = []
    for name in sorted(kept[0].keys() | kept[1].keys()):
        if name.startswith(".hydra") or kept[0].get(name) == kept[1].get(name):
            continue
        if name.endswith(".ckpt") and all(name in files for files in kept):
            first, second = (torch.load(run / name, weights_only=True) for run in (left, right))
            differing += [
                f"{name}: {key}"
                for key in ("state_dict", "optimizer_states", "lr_schedulers", "lungcam", "epoch")
                if not same(first[key], second[key])
            ]
        else:
            differing.append(name)
    if scalars(left) != scalars(right):
        differing.append("TensorBoard")
    return differing


def _content(file: Path, run: Path) -> bytes:
    """Return a file's bytes, with the run's name in pages replaced."""
    content = file.read_bytes()
    return content.replace(run.name.encode(), b"RUN") if file.suffix == ".html" else content


def same(left: object, right: object) -> bool:
    """Return True if nested values are equal, tensors bit for bit."""
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


def random_kills(folder: Path, count: int) -> list[str]:
    """Kill runs at random moments and return the differences of the finished runs."""
    begun = sum(os.times()[2:4])
    shutil.rmtree(folder / "never-killed")
    live(folder / "never-killed", settings=LONG)
    lasts = sum(os.times()[2:4]) - begun
    print(f"an undisturbed run computes for {lasts:.1f} s", flush=True)
    kills, differing, chance = 0, [], random.Random(0)
    for life in range(count):
        run = folder / f"killed-{life}"
        while kills < count:
            moment = chance.uniform(0, lasts)
            if not live(run, after=moment, settings=LONG):
                break
            kills += 1
            progress = reached(run)
            print(f"kill {kills} after {moment:.1f} s: {progress}", flush=True)
            if progress == "after the training":
                break  # let it end, and kill another run during training
        live(run, settings=LONG)
        differing += differences(folder / "never-killed", run)
        print(f"run {life}: {differing or 'equal'}", flush=True)
        if kills == count:
            break
    return differing


def main(folder: Path, moments: list[str]) -> None:
    """Make an undisturbed run, then the killed ones, and exit with 1 if they differ."""
    folder.mkdir(parents=True, exist_ok=True)
    # relative paths start here
    os.chdir(folder)
    live(folder / "never-killed")
    if moments[0].isdigit():
        differing = random_kills(folder, int(moments[0]))
    else:
        for moment in moments:
            if not live(folder / "killed", call=moment):
                raise SystemExit(f"{moment}: the run ended before it")
            print(f"killed at {moment}: {reached(folder / 'killed')}", flush=True)
        live(folder / "killed")
        differing = differences(folder / "never-killed", folder / "killed")
        print(differing or "equal")
    sys.exit(bool(differing))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2:])

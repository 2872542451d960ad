"""Small jobs of every kind that writes files, forked from a process that has loaded everything.

A fork takes the place of a new process: loading torch takes longer than most of these jobs.
"""

import atexit
import csv
import gzip
import io
import json
import os
import runpy
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pydicom
import torch
from PIL import Image
from pydicom.uid import generate_uid

from benchmarks.kills import differences
from benchmarks.many import answers
from lungcam.data.cache_entry import read_entry
from lungcam.phantom import phantom_cohort
from lungcam.phantom.layouts.dicom import Series, write_slices
from lungcam.runtime.atomic import is_temporary
from lungcam.runtime.lock import NAME as LOCK
from lungcam.scans import read_scan

ROOT = Path(__file__).parents[2]
MODULES = (
    *("lungcam.runs.train", "lungcam.runs.infer", "lungcam.runs.check_scans", "lungcam.report"),
    *("lungcam.inference.dicom_objects", "lungcam.sweeps.study", "highdicom"),
    "matplotlib.backends.backend_agg",
)
PHANTOMS, SCANS, MATRIX = 16, 6, 64
NET = (
    f"data.n={PHANTOMS}", f"data.matrix={MATRIX}", "view.shape=[24,18,24]", "view.spacing_mm=15",
    "split.val=0.25", "split.test=0.25", "loader.batch_size=2", "model.dropout=0.3",
    "render.size=64",
)  # fmt: skip
# without heat-maps
PLAIN = "callbacks=checkpoint"
# sweep.csv differs in them: a trial that was interrupted is repeated under another number
NUMBERED = ("job", "folder")


@dataclass(frozen=True)
class Job:
    """A command that writes into a folder.

    Attributes:
        arguments: Function of the folders of the inputs and of the results: script and arguments.
        differences: Function of two folders of results: what differs, but for times.
        resumed: True if it is continued by `resume=`, and not by the same command.
    """

    arguments: Callable[[Path, Path], list[str]]
    differences: Callable[[Path, Path], list[str]]
    resumed: bool = False

    def command(self, inputs: Path, out: Path) -> list[str]:
        """Return the script and the arguments that begin the job, or go on with it."""
        command = self.arguments(inputs, out)
        begun = (out / ".hydra" / "overrides.yaml").is_file()
        return [command[0], f"resume={out}"] if self.resumed and begun else command


def _train(*settings: str) -> Callable[[Path, Path], list[str]]:
    def arguments(inputs: Path, out: Path) -> list[str]:
        places = [f"data.root={inputs / 'phantoms'}", f"cache={out.parent / 'cache'}"]
        return ["train.py", *NET, *places, *settings, f"hydra.run.dir={out}"]

    return arguments


def _search(inputs: Path, out: Path) -> list[str]:
    settings = (*("-m", "hparams_search=tpe", "hydra.sweeper.n_trials=3"), PLAIN)
    command = _train("trainer.max_epochs=1", *settings)(inputs, out)
    return [*command[:-1], f"hydra.sweep.dir={out}"]


def _cache(inputs: Path, out: Path) -> list[str]:
    command = _train("prepare=1/1", "hydra.output_subdir=null")(inputs, out)
    places = (f"cache={out}", f"hydra.run.dir={out}")
    return [word for word in command if not word.startswith("hydra.run.dir=")] + list(places)


def _infer(scan: str, *settings: str) -> Callable[[Path, Path], list[str]]:
    def arguments(inputs: Path, out: Path) -> list[str]:
        places = (f"ckpt={inputs / 'net'}", f"scan={inputs / scan}", f"out={out}")
        return ["infer.py", *places, "render.size=64", *settings]

    return arguments


def _check(inputs: Path, out: Path) -> list[str]:
    return ["lungcam", "check", str(inputs / "scans"), f"out={out}"]


def _other_entries(left: Path, right: Path) -> list[str]:
    """Compare two caches to the last byte."""
    contents = [
        {file.name: file.read_bytes() for file in (folder / "inputs").glob("[0-9a-f]*.prepared")}
        for folder in (left, right)
    ]
    return _keys_that_differ(*contents)


def _other_answers(left: Path, right: Path) -> list[str]:
    """Compare the results of `infer.py` for many scans."""
    return _keys_that_differ(answers(left), answers(right))


def _other_trials(left: Path, right: Path) -> list[str]:
    """Compare two sweep folders by the rows of their trials."""
    rows = []
    for folder in (left, right):
        with (folder / "sweep.csv").open(newline="") as stream:
            table = list(csv.DictReader(stream))
        plain = [{k: v for k, v in row.items() if k not in NUMBERED} for row in table]
        rows.append(sorted(plain, key=str))
    return [] if rows[0] == rows[1] else ["sweep.csv"]


def _other_files(left: Path, right: Path) -> list[str]:
    """Compare files of one scan, but for times, memory and what holds a time or UID of its own."""
    contents = []
    for folder in (left, right):
        files = {}
        for file in folder.rglob("*"):
            name = str(file.relative_to(folder))
            if file.suffix in (".gz", ".png") or file.name == "check.json":
                files[name] = file.read_bytes()
            elif file.is_file() and not file.name.startswith("."):
                files[name] = b""
        contents.append(files)
    return _keys_that_differ(*contents)


def _keys_that_differ(left: Mapping, right: Mapping) -> list[str]:
    return sorted(str(k) for k in left.keys() | right.keys() if left.get(k) != right.get(k))


JOBS = {
    "training": Job(_train("trainer.max_epochs=4", PLAIN), differences, resumed=True),
    "evaluation": Job(
        _train(
            "trainer.max_epochs=1",
            *("callbacks.export.val=0", "callbacks.export.test=1"),
            *("explain.benchmark=true", "explain.erase=true"),
        ),
        differences,
        resumed=True,
    ),
    "search": Job(_search, _other_trials),
    "batch": Job(_infer("scans"), _other_answers),
    "cache": Job(_cache, _other_entries),
    "single": Job(_infer("series", "report=true", "dicom=true", "picture=true"), _other_files),
    "check": Job(_check, _other_files),
}


def load() -> None:
    """Load what the jobs load late; several threads would take longer for nets of this size."""
    torch.set_num_threads(1)
    for module in MODULES:
        import_module(module)


def make_inputs(folder: Path) -> None:
    """Make phantoms, a folder of some, one as a DICOM series, and a net."""
    if (folder / "net" / "metrics.json").is_file():
        return
    # in this process: one that is forked could not use the server that starts others
    settings = {"n": PHANTOMS, "difficulty": 0.3, "matrix": MATRIX, "workers": 1}
    cohort = phantom_cohort(folder / "phantoms", **settings)
    (folder / "scans").mkdir(exist_ok=True)
    for sample in cohort.samples[:SCANS]:
        link = folder / "scans" / sample.image.name
        if not link.is_symlink():
            link.symlink_to(sample.image)
    if not (folder / "series").exists():
        scan = read_scan(cohort.samples[0].image)
        series = Series(
            patient_id="p", study_uid=generate_uid(), series_uid=generate_uid(), number=1,
            frame_uid=generate_uid(), description="", kernel="STANDARD", date="19990102",
        )  # fmt: skip
        names = [f"1-{k + 1:03d}.dcm" for k in range(scan.hu.shape[2])]
        write_slices(
            folder / "series",
            series,
            hu=scan.hu,
            affine=scan.grid.affine,
            sop_uid=lambda k: generate_uid(),
            names=names,
        )
    command = JOBS["training"].command(folder, folder / "net")
    child = fork(command, cwd=folder, log=folder / "net.log")
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == 0, (folder / "net.log").read_text()


def fork(
    command: list[str], *, cwd: Path, log: Path, before: Callable[[], None] = lambda: None
) -> int:
    """Start a command in a process group of its own, and return its process id.

    Args:
        command: Script, or the name of a package that is run, and arguments.
        cwd: Working folder, and folder of temporary files.
        log: File to which all output is added.
        before: Function to call in the process first.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        os.chdir(cwd)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(file, stream)
        os.environ["TMPDIR"] = tempfile.tempdir = str(cwd)
        os._exit(_run(command, before))
    return child


def _run(command: list[str], before: Callable[[], None]) -> int:
    """Run a command in this process; return its exit code."""
    code = 0
    try:
        script, *arguments = command
        before()
        if script.endswith(".py"):
            sys.argv[:] = [str(ROOT / script), *arguments]
            runpy.run_path(sys.argv[0], run_name="__main__")
        else:
            sys.argv[:] = [script, *arguments]
            runpy.run_module(script, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        # on a disk that is full this fails, too
        try:
            stream.flush()
        except OSError:
            code = code or 1
    return code


def left_over(out: Path) -> list[str]:
    """Return the temporary files and locks below a folder.

    The folder of a search's trial that was interrupted stays as it is: it is repeated in another.
    """
    trials = [path.parent for path in out.glob("*/.hydra") if not _is_done(path.parent)]
    return [
        str(file)
        for file in out.rglob("*")
        if (is_temporary(file) or file.name.startswith(LOCK)) and file.parent not in trials
    ]


def _is_done(trial: Path) -> bool:
    return (trial / "metrics.json").is_file()


READERS: dict[str, Callable[[Path], object]] = {
    ".gz": lambda file: gzip.decompress(file.read_bytes()),
    ".json": lambda file: json.loads(file.read_text(encoding="utf-8")),
    ".csv": lambda file: _whole_lines(file.read_text(encoding="utf-8")),
    ".png": lambda file: Image.open(io.BytesIO(file.read_bytes())).load(),
    ".gif": lambda file: Image.open(io.BytesIO(file.read_bytes())).load(),
    ".html": lambda file: file.read_text(encoding="utf-8").rstrip().endswith("</html>") or 1 / 0,
    ".ckpt": lambda file: zipfile.ZipFile(file).testzip() and 1 / 0,
    ".dcm": lambda file: pydicom.dcmread(file).pixel_array,
    ".prepared": read_entry,
}


def _whole_lines(text: str) -> None:
    if text and not text.endswith("\n"):
        raise ValueError("it is cut short")


def half_written(out: Path) -> list[str]:
    """Return the files of lungcam below a folder that are not whole.

    Hydra's own files and TensorBoard's events, which grow line by line, are left out.
    """
    broken = []
    for file in out.rglob("*"):
        reader = READERS.get(file.suffix)
        if file.is_file() and reader is not None and ".hydra" not in file.parts:
            try:
                reader(file)
            except Exception as error:
                broken.append(f"{file}: {error!r}")
    return broken

"""Commands load what they use and nothing else, and refuse bad input before they load torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT, TINY

# runs a script or a module, and writes the names of the modules that are loaded in the end
RECORDED = """
import atexit, runpy, sys
from pathlib import Path

root, file, *sys.argv = sys.argv[1:]
sys.path.insert(0, root)
atexit.register(lambda: Path(file).write_text("\\n".join(sys.modules)))
if sys.argv[0].endswith(".py"):
    runpy.run_path(sys.argv[0], run_name="__main__")
else:
    runpy.run_module(sys.argv[0], run_name="__main__")
"""
# a ZIP archive, as a checkpoint is one
EMPTY_ARCHIVE = b"PK\x05\x06" + bytes(18)
# what a refusal and the help do without
SLOW = (
    *("torch", "torchio", "numpy", "scipy", "pytorch_lightning", "monai", "matplotlib"),
    *("vtkmodules", "SimpleITK", "pydicom", "nibabel", "torchmetrics"),
)
# what prediction does without
TRAINING = (
    *("pytorch_lightning", "lightning_fabric", "torchmetrics", "tensorboard", "torch._dynamo"),
    *("pandas", "matplotlib", "monai", "skimage", "sklearn"),
)
# pydicom loads them if other tools have brought them along, and lungcam does without
BROUGHT_ALONG = ("requests", "urllib3", "charset_normalizer", "idna", "certifi")


def count(loaded: set[str]) -> int:
    """Return the number of modules, without what depends on the other tools of a machine."""
    return sum(name.partition(".")[0] not in BROUGHT_ALONG for name in loaded)


def modules(folder: Path, name: str, *arguments: object, code: int = 0) -> set[str]:
    """Run a script or `python -m lungcam` in a new process; return the modules that it loads."""
    file = folder / "modules.txt"
    name = str(ROOT / name) if name.endswith(".py") else name
    done = subprocess.run(
        [sys.executable, "-c", RECORDED, str(ROOT), str(file), name, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    if code:
        assert done.stderr.startswith("lungcam: ")
        assert done.stderr.count("\n") == 1, done.stderr
    return set(file.read_text().split("\n"))


def among(loaded: set[str], packages: tuple[str, ...]) -> list[str]:
    return [name for name in packages if name in loaded]


@pytest.mark.parametrize(
    "arguments",
    [
        ("train.py", "--help"),
        ("infer.py", "--help"),
        ("lungcam", "--help"),
        ("lungcam", "check", "--help"),
    ],
    ids=" ".join,
)
def test_help_is_light(tmp_path, arguments):
    loaded = modules(tmp_path, *arguments)
    assert among(loaded, SLOW) == []
    assert count(loaded) < 500


@pytest.mark.parametrize(
    "arguments",
    [
        ("train.py", "sead=1"),
        ("train.py", "model=small4d"),
        ("train.py", "trainer.max_epochs=many"),
        ("train.py", "explain.method=gradcan"),
        ("train.py", "hparams_search=tpe"),
        ("train.py", "resume=gone"),
        ("train.py", "data=table", "data.table=gone.csv"),
        ("train.py", "data=luna16", "data.root=gone"),
        ("train.py", "split.manifest=gone.csv"),
        ("train.py", "cache=taken"),
        ("infer.py", "scan=."),
        ("infer.py", "ckpt=gone", "scan=."),
        ("infer.py", "ckpt=taken", "scan=."),
        ("infer.py", "ckpt=weights", "scan=.", "out=taken"),
        ("infer.py", "ckpt=gone", "scan=gone"),
        ("infer.py", "render.view=front", "ckpt=gone", "scan=gone"),
        ("lungcam", "chekc", "."),
        ("lungcam", "train", "modle=small3d"),
        ("lungcam", "infer", "reprot=true"),
        ("lungcam", "check", "gone"),
        ("lungcam", "check", ".", "mask=none"),
        ("lungcam", "check", "data=lidc", "data.root=gone"),
        ("lungcam", "check", "data=lidcc"),
        ("lungcam", "cache", "info", "cache=gone"),
    ],
    ids=" ".join,
)
def test_bad_input_is_refused_before_anything_slow_is_loaded(tmp_path, arguments):
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "weights").write_bytes(EMPTY_ARCHIVE)
    loaded = modules(tmp_path, *arguments, code=2)
    assert among(loaded, SLOW) == []
    assert count(loaded) < 500


@pytest.mark.parametrize(
    "arguments",
    [
        ("infer.py", "ckpt=weights", "scan=."),
        ("infer.py", "ckpt=weights", "scan=weights"),
        ("infer.py", "ckpt=weights", "scan=table.csv", "series=1.2.3"),
        ("lungcam", "compare", "gone", "gone"),
        ("lungcam", "phantom", "new"),
        ("lungcam", "phantom", "new", "layout=moon"),
    ],
    ids=" ".join,
)
def test_bad_input_is_refused_before_torch_is_loaded(tmp_path, arguments):
    (tmp_path / "weights").write_bytes(EMPTY_ARCHIVE)
    (tmp_path / "table.csv").write_text("image\n")
    loaded = modules(tmp_path, *arguments, code=2)
    assert among(loaded, (*TRAINING, "torch", "torchio", "vtkmodules")) == []
    assert count(loaded) < 1000


def test_inference_loads_nothing_of_training(workplace, trained):
    scan = next(workplace.glob("outputs/cache/phantoms/*/phantom-0000.nii.gz"))
    loaded = modules(
        workplace,
        "infer.py",
        f"ckpt={trained.folder}",
        f"scan={scan}",
        "out=light",
        "render.size=64",
    )
    assert (workplace / "light" / scan.name.partition(".")[0] / "render.png").is_file()
    assert among(loaded, TRAINING) == []
    assert count(loaded) < 2300


def test_inference_loads_what_an_option_needs(workplace, trained):
    scan = next(workplace.glob("outputs/cache/phantoms/*/phantom-0000.nii.gz"))
    arguments = (f"ckpt={trained.folder}", f"scan={scan}", "out=otsu", "render.size=64")
    loaded = modules(workplace, "infer.py", *arguments, "render.preset=otsu")
    assert among(loaded, TRAINING) == ["matplotlib", "skimage"]


def test_a_check_of_scans_loads_nothing_of_training(workplace, trained):
    scan = next(workplace.glob("outputs/cache/phantoms/*/phantom-0000.nii.gz"))
    loaded = modules(workplace, "lungcam", "check", scan)
    assert among(loaded, (*TRAINING, "vtkmodules")) == []
    assert count(loaded) < 2100


def test_a_training_loads_what_it_uses(workplace, trained):
    loaded = modules(workplace, "train.py", "model=small3d", *TINY, "hydra.run.dir=light_run")
    assert {"pytorch_lightning", "tensorboard", "vtkmodules"} <= loaded
    assert among(loaded, ("monai", "skimage", "sklearn", "pandas", "highdicom", "optuna")) == []
    assert count(loaded) < 4800


@pytest.mark.parametrize(
    ("module", "ceiling"),
    [
        ("lungcam.data.prepare", 2000),
        ("lungcam.inference.prepare", 2050),
        ("lungcam.runs.check_scans", 1900),
        ("lungcam.phantom.cohort", 850),
    ],
)
def test_processes_that_work_ahead_load_what_they_use(module, ceiling):
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(done.stdout.split())
    assert among(loaded, (*TRAINING, "vtkmodules", "hydra.main")) == []
    assert count(loaded) < ceiling

"""A package of someone else, outside the checkout and not installed, does all that lungcam does."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from .conftest import ROOT, command

pytestmark = pytest.mark.slow

FILES = {
    "__init__.py": "",
    "nets.py": """
import torch
from torch import nn


class Tiny(nn.Module):
    def __init__(self, width: int = 4):
        super().__init__()
        self.conv = nn.Conv3d(1, width, 5, stride=4, padding=2)
        self.head = nn.Linear(width, 1)

    def forward(self, image):
        return self.head(torch.relu(self.conv(image)).amax((2, 3, 4)))
""",
    "losses.py": """
class Squared:
    def fit(self, labels):
        self.share = float(labels.mean())

    def __call__(self, logits, targets):
        return (logits.sigmoid() - targets.to(logits.dtype)) ** 2 / self.share
""",
    "transforms.py": """
import os
import torchio as tio
from outsider.floor import raised


class Floor(tio.Transform):
    def __init__(self, low: float = -3.0, **kwargs):
        super().__init__(**kwargs)
        self.low = low
        self.args_names = ["low"]

    def apply_transform(self, subject):
        image = subject["input"]
        image.set_data(raised(image.data, self.low))
        return subject
""",
    "floor.py": "def raised(values, low):\n    return values.clamp(min=low)\n",
    "cohorts.py": '''
from lungcam.phantom import phantom_cohort


def few(root: str, n: int = 16):
    """Phantoms, as a list of samples."""
    return list(phantom_cohort(root=root, n=n, matrix=96).samples)
''',
    "loggers.py": """
from pytorch_lightning.loggers.logger import Logger


class Lines(Logger):
    def __init__(self, file: str):
        super().__init__()
        self.file = file

    name, version = "lines", "0"

    def log_hyperparams(self, params, *args, **kwargs):
        pass

    def log_metrics(self, metrics, step=None):
        with open(self.file, "a") as stream:
            stream.writelines(f"{name}\\n" for name in metrics)
""",
    "conf/model/outsider.yaml": """
# @package _global_
model:
  _target_: outsider.nets.Tiny
  width: 4
explain:
  layer: conv
""",
    "conf/data/outsider.yaml": """
_target_: outsider.cohorts.few
root: ${cache}/phantoms
n: 16
""",
    "conf/experiment/outsider.yaml": """
# @package _global_
defaults:
  - override /model: outsider
  - override /data: outsider
loss:
  _target_: outsider.losses.Squared
  _partial_: false
transforms:
  floor:
    _target_: outsider.transforms.Floor
    low: -2
logger:
  lines:
    _target_: outsider.loggers.Lines
    file: ${hydra:runtime.output_dir}/lines.txt
trainer:
  max_epochs: 1
split:
  val: 0.25
  test: 0.25
render:
  size: 160
""",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """Return the folder of the package, outside of the folder in which commands run."""
    folder = tmp_path_factory.mktemp("elsewhere") / "outsider"
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.lstrip("\n"))
    return folder


@pytest.fixture(scope="module")
def run(workplace, package) -> Path:
    """Return the folder of a finished run of the package."""
    done = command(
        "train.py",
        f"plugins=[{package}]",
        "experiment=outsider",
        "hydra.run.dir=outsider",
        cwd=workplace,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return workplace / "outsider"


def test_every_part_is_used(run):
    assert "train/loss" in (run / "lines.txt").read_text()
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["label_rule"] == "label 1 as outsider.cohorts.few gives it"
    assert list(run.glob("cam/*/heatmap.nii.gz"))


def test_it_is_applied_and_explained_on_the_users_word_alone(workplace, package, run):
    scan = next((workplace / "outputs" / "cache" / "phantoms").rglob("phantom-*.nii.gz"))
    given = (f"ckpt={run}", f"scan={scan}", "out=outside", "picture=false")
    refused = command("infer.py", *given, cwd=workplace)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "plugins=[...]" in refused.stderr
    done = command("infer.py", *given, f"plugins=[{package}]", cwd=workplace)
    assert done.returncode == 0, done.stderr
    (heatmap,) = (workplace / "outside").rglob("heatmap.nii.gz")
    volume, image = sitk.ReadImage(str(heatmap)), sitk.ReadImage(str(scan))
    assert volume.GetSize() == image.GetSize()
    assert np.abs(sitk.GetArrayViewFromImage(volume)).max() > 0


def test_it_is_swept_in_other_processes(workplace, package):
    done = command(
        "train.py",
        "-m",
        f"plugins=[{package}]",
        "experiment=outsider",
        "model.width=2,4",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        "hydra.sweep.dir=swept",
        cwd=workplace,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list((workplace / "swept").glob("*/metrics.json"))) == 2


def test_it_is_cross_validated_and_its_maps_are_judged(workplace, package):
    done = command(
        "train.py",
        f"plugins=[{package}]",
        "experiment=outsider",
        "cv.folds=2",
        "explain.benchmark=true",
        "hydra.run.dir=outsider_folds",
        cwd=workplace,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (workplace / "outsider_folds" / "fold_1" / "explanation.json").is_file()


def stopped(run: Path, folder: Path) -> Path:
    """Return a copy of a run that has not been evaluated."""
    shutil.copytree(run, folder)
    (folder / "metrics.json").unlink()
    return folder


def test_a_run_begun_here_is_continued_without_a_word(workplace, package, run):
    folder = stopped(run, workplace / "continued")
    done = command("train.py", f"resume={folder}", cwd=workplace)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "predictions.csv").read_bytes() == (run / "predictions.csv").read_bytes()


def test_a_run_of_someone_else_asks_for_the_code(workplace, package, run):
    folder = stopped(run, workplace / "foreign")
    # another account has another key
    state = {"XDG_STATE_HOME": str(workplace / "another account")}
    refused = command("train.py", f"resume={folder}", cwd=workplace, **state)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "add plugins=[" in refused.stderr
    floor = package / "floor.py"
    floor.write_text(FILES["floor.py"] + "# changed\n")
    given = f"plugins=[{package}]"
    try:
        changed = command("train.py", f"resume={folder}", given, cwd=workplace, **state)
    finally:
        floor.write_text(FILES["floor.py"])
    assert changed.returncode == 2
    assert "is not the code that the run was begun with" in changed.stderr
    done = command("train.py", f"resume={folder}", given, cwd=workplace, **state)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "predictions.csv").read_bytes() == (run / "predictions.csv").read_bytes()


def test_a_forged_run_folder_runs_nothing(workplace, run):
    folder = stopped(run, workplace / "forged")
    config = folder / ".hydra" / "config.yaml"
    text = config.read_text()
    touch = "{_target_: pathlib.Path.touch, self: tripped}"
    for forged in (
        text.replace("_target_: outsider.nets.Tiny", "_target_: os.mkdir\n  path: tripped"),
        f"{text}\nhydra:\n  callbacks:\n    evil: {touch}\n",
        f"defaults: [evil]\n{text}",
        text.replace("plugins:", "plugins:\n- evil.py")
        if "plugins:\n" in text
        else text + "x: 1\n",
    ):
        config.write_text(forged)
        (workplace / "evil.py").write_text("open('tripped', 'w')\n")
        refused = command("train.py", f"resume={folder}", cwd=workplace)
        assert refused.returncode == 2, forged
        assert len(refused.stderr.splitlines()) == 1
        assert not list(workplace.rglob("tripped"))


def test_transforms_of_the_package_reach_processes_that_prepare(workplace, package):
    # each start method finds the package by the path that its parent has
    code = f"""
import multiprocessing, pickle, sys
from lungcam.config.plugins import load_plugins
if __name__ == "__main__":
    load_plugins([{str(package)!r}])
    from outsider.transforms import Floor
    for method in ("spawn", "fork", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(pool.map(vars, [Floor(low=-1)])[0]["low"])
"""
    script = workplace / "pool.py"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, script], cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": "."}
    )
    assert done.stdout.split() == ["-1"] * 3, done.stderr

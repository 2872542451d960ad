"""The wheel and its commands, from an empty folder outside the checkout."""

import importlib.util
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import ROOT, TINY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("hatchling") is None or importlib.util.find_spec("pip") is None,
        reason="building the wheel offline needs hatchling and pip: pip install '.[test]'",
    ),
]


@dataclass(frozen=True)
class Installed:
    """Builds of the checkout: a source archive, and a folder with the wheel installed."""

    folder: Path
    sdist: Path

    def run(self, program: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess:
        """Run one of the wheel's commands, or Python, with the wheel first on the path."""
        start = [sys.executable] if program == "python" else [str(self.folder / "bin" / program)]
        return subprocess.run(
            [*start, *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(self.folder), "COLUMNS": "200"},
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    out = tmp_path_factory.mktemp("dist")
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    offline = ("--no-deps", "--no-index", "--quiet", "--disable-pip-version-check")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *offline, "--target", str(folder), str(wheel)],
        check=True,
        capture_output=True,
    )
    return Installed(folder, sdist)


def names(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*.yaml")}


def test_the_wheel_holds_every_configuration(installed):
    assert names(installed.folder / "lungcam" / "conf") == names(ROOT / "conf")


def test_the_wheel_holds_the_assets_of_reports(installed):
    assets = Path("lungcam", "report", "assets")
    packed = {file.name for file in (installed.folder / assets).iterdir()}
    assert packed == {file.name for file in (ROOT / assets).iterdir()}
    code = "from lungcam.report.page import asset; print(asset('frame.html')[:15])"
    assert installed.run("python", "-c", code, cwd=installed.folder).stdout == "<!doctype html>\n"


def test_the_source_archive_holds_the_checkout_and_no_outputs(installed):
    with tarfile.open(installed.sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"conf/{name}" for name in names(ROOT / "conf")} <= packed
    assert {"train.py", "infer.py", "Makefile", "tests/test_floors.py", "LICENSE"} <= packed
    assert not [name for name in packed if name.startswith("outputs")]


def test_the_configurations_come_from_the_wheel_and_nothing_is_written(installed, tmp_path):
    done = installed.run("lungcam-train", "--info", "searchpath", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"file://{installed.folder / 'lungcam' / 'conf'}" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["train", "infer"])
def test_the_help_of_the_commands_equals_that_of_the_scripts(installed, name, tmp_path):
    done = installed.run(f"lungcam-{name}", "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    script = [sys.executable, ROOT / f"{name}.py", "--help"]
    assert done.stdout == subprocess.run(script, capture_output=True, text=True).stdout


def test_a_refusal_names_the_command_that_was_run(installed, tmp_path):
    done = installed.run("lungcam-train", "model=small4d", cwd=tmp_path)
    assert done.returncode == 2
    assert "`lungcam-train --help`" in done.stderr
    # the command that messages name
    code = "from lungcam.runtime.versions import TRAIN_COMMAND; print(TRAIN_COMMAND)"
    assert installed.run("python", "-c", code, cwd=tmp_path).stdout == "lungcam train\n"


def test_one_command_runs_all_others(installed, tmp_path):
    done = installed.run("lungcam", "--version", cwd=tmp_path)
    assert done.stdout.startswith("lungcam "), done.stderr
    done = installed.run("lungcam", "train", "modle=lungs", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith(
        "Did you mean model? `lungcam train --help` lists the groups, `--cfg job` the keys.\n"
    )
    for command in ("train", "infer"):
        texts = [
            installed.run(*program, "--help", cwd=tmp_path).stdout
            for program in (("lungcam", command), (f"lungcam-{command}",))
        ]
        assert texts[0] == texts[1]


def test_a_sweep_over_an_own_experiment_then_infer(installed, workplace, trained):
    # the workplace holds phantoms, and no checkout
    mine = workplace / "narrow_nets" / "experiment"
    mine.mkdir(parents=True)
    (mine / "narrow.yaml").write_text("# @package _global_\nmodel:\n  channels: [4, 8, 8]\n")
    done = installed.run(
        "lungcam-train",
        "-m",
        "--config-dir=narrow_nets",
        "experiment=narrow",
        "model.hidden=[8,8],[16,8]",
        *TINY,
        "callbacks=checkpoint",
        "hydra.sweep.dir=packed",
        cwd=workplace,
    )
    assert done.returncode == 0, done.stderr
    assert len(list(workplace.glob("packed/*/metrics.json"))) == 2
    config = (workplace / "packed" / "0" / ".hydra" / "config.yaml").read_text()
    assert "channels:\n  - 4\n  - 8\n  - 8\n" in config

    scan = next(workplace.glob("outputs/cache/phantoms/*/phantom-0000.nii.gz"))
    chosen = ("ckpt=packed/1", f"scan={scan}", "out=inferred", "picture=false")
    done = installed.run("lungcam-infer", *chosen, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert (workplace / "inferred" / "phantom-0000" / "heatmap.nii.gz").is_file()


def test_the_wheel_trains_and_applies_a_net_that_lies_where_the_user_stands(installed, tmp_path):
    (tmp_path / "mine.py").write_text(
        "from lungcam.nets import Small3D\nclass Net(Small3D):\n    pass\n"
    )
    own = ("model=own", "model._target_=mine.Net", "explain.layer=conv3")
    done = installed.run("lungcam-train", *own, *TINY, "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    scan = next((tmp_path / "outputs" / "cache" / "phantoms").rglob("phantom-*.nii.gz"))
    given = ("ckpt=run", f"scan={scan}", "picture=false")
    refused = installed.run("lungcam-infer", *given, cwd=tmp_path)
    assert refused.returncode == 2
    assert "add plugins=[...]" in refused.stderr
    done = installed.run("lungcam-infer", *given, "plugins=[mine]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr

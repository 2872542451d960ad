"""The commands of the README work as written."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
# settings that make a run small; the command itself stays as in the README
SMALL = (
    "data.n=16",
    "data.matrix=96",
    "split.val=0.25",
    "split.test=0.25",
    "trainer.max_epochs=1",
    "callbacks=checkpoint",
)


def commands() -> list[str]:
    """Return every line in a bash block of the README."""
    blocks = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def run(line: str, cwd: Path, *more: str) -> subprocess.CompletedProcess:
    program, script, *arguments = shlex.split(line)
    assert program == "python"
    return subprocess.run(
        [sys.executable, ROOT / script, *arguments, *more],
        cwd=cwd,
        capture_output=True,
        text=True,
    )


def test_readme_lists_the_commands():
    targets = {line.split()[1] for line in commands() if line.startswith("make ")}
    assert targets == {"install", "demo", "test", "test-all"}
    scripts = [line.split()[1] for line in commands() if line.startswith("python ")]
    assert scripts == ["infer.py", "train.py", "train.py", "infer.py", "train.py", "-m"]


def test_make_targets_exist():
    for line in commands():
        if line.startswith("make "):
            done = subprocess.run(
                [*shlex.split(line), "--dry-run"], cwd=ROOT, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("readme")


def test_train_then_infer(place):
    lidc, train, _, infer, _, check = (line for line in commands() if line.startswith("python "))
    done = run(train, place, *SMALL)
    assert done.returncode == 0, done.stderr
    (folder,) = (place / "outputs" / "runs").iterdir()
    scan = next(place.glob("outputs/cache/phantoms/*/phantom-0000.nii.gz"))
    infer = re.sub(r"ckpt=\S+", f"ckpt={folder}", infer)
    done = run(re.sub(r"scan=\S+", f"scan={scan}", infer), place)
    assert done.returncode == 0, done.stderr
    results = place / "outputs" / "infer" / "phantom-0000"
    for name in ("prediction.json", "heatmap.nii.gz", "mask.nii.gz", "lungs.nii.gz"):
        assert (results / name).is_file()
    done = run(re.sub(r"scan=\S+", f"scan={scan} out=found", lidc), place)
    assert done.returncode == 0, done.stderr
    assert (place / "found" / "phantom-0000" / "report.html").is_file()
    _, *arguments = shlex.split(check.replace("path/to/scans", str(scan)))
    done = subprocess.run(
        [sys.executable, *arguments], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1 scan(s): 0 refused" in done.stdout


def test_compare(place):
    compare = next(line for line in commands() if " -m " in line)
    small = ("view.shape=[32,24,32]", "view.spacing_mm=10")
    done = run(compare, place, *SMALL, *small)
    assert done.returncode == 0, done.stderr
    assert len(list(place.glob("outputs/sweeps/*/*/metrics.json"))) == 4


def test_linked_pictures_and_pages_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).is_file(), target


def test_heat_maps_are_judged(place):
    (judge,) = (line for line in commands() if "explain.benchmark=true" in line)
    done = run(judge, place, *SMALL, "hydra.run.dir=judged")
    assert done.returncode == 0, done.stderr
    assert {"explanation.json", "localisation.json", "candidates.csv"} <= {
        file.name for file in (place / "judged").iterdir()
    }
    assert "heat-maps: " in done.stdout

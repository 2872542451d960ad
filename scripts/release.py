"""Build a release, check it, and try its wheel in an empty folder: python scripts/release.py.

Writes dist/: the wheel, the source archive and SHA256SUMS. Nothing is uploaded. Needs build and
twine (pip install '.[release]'). The wheel is installed into a new environment of every Python from
3.11 to 3.13 that is found, with constraints.txt; --here installs it next to the packages of the
running Python instead, which downloads nothing.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
PYTHONS = ("3.11", "3.12", "3.13")
# a whole job of a user, small: phantoms, a training, a prediction
PHANTOMS = ("data.n=16", "data.matrix=96", "split.val=0.25", "split.test=0.25")
TRIAL = (
    ("--version",),
    ("train", *PHANTOMS, "trainer.max_epochs=1", "callbacks=checkpoint", "hydra.run.dir=run"),
    ("infer", "ckpt=run", "scan=outputs/cache/phantoms", "out=results"),
    ("check", "outputs/cache/phantoms"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Build, check and try a release; end with an error at the first thing that is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--here", action="store_true", help="use the running Python's packages")
    here = parser.parse_args(arguments).here
    check_versions()
    files = build()
    call(sys.executable, "-m", "twine", "check", "--strict", *map(str, files))
    (wheel,) = (file for file in files if file.suffix == ".whl")
    for number, python in [("this Python", sys.executable)] if here else pythons():
        with tempfile.TemporaryDirectory() as folder:
            try_wheel(wheel, python, folder=Path(folder), here=here)
        print(f"{wheel.name}: works in an empty folder with {number}")
    write_checksums(files)


def check_versions() -> None:
    """Refuse a release with different versions, or without an entry in the changelog.

    Raises:
        SystemExit: Names the file.
    """
    version = read_version()
    for name, pattern in (("CITATION.cff", r"^version: (.+)$"), ("CHANGELOG.md", r"^## (\d\S*)")):
        match = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        if match is None or match[1] != version:
            sys.exit(f"{name}: it has no version {version}, that of lungcam/__init__.py.")


def read_version() -> str:
    """Return the version in lungcam/__init__.py."""
    text = (ROOT / "lungcam" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]


def build() -> list[Path]:
    """Build wheel and source archive into an empty dist/, and return them."""
    shutil.rmtree(DIST, ignore_errors=True)
    # the packages that build need not be downloaded again
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(DIST), str(ROOT))
    return sorted(DIST.iterdir())


def pythons() -> Iterator[tuple[str, str]]:
    """Yield number and program of each Python that is found."""
    for number in PYTHONS:
        program = shutil.which(f"python{number}")
        if program is None:
            print(f"python{number} is not here: not tried")
        else:
            yield f"Python {number}", program


def try_wheel(wheel: Path, python: str, *, folder: Path, here: bool) -> None:
    """Install a wheel and run its command in an empty folder, without the checkout.

    Args:
        wheel: The wheel.
        python: Program of a Python.
        folder: Empty folder.
        here: True to install it next to the packages of this Python.
    """
    target, work = folder / "installed", folder / "work"
    work.mkdir()
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    if here:
        pip = (python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
        call(*pip, "--target", str(target), str(wheel))
        program = [python, "-m", "lungcam"]
        environment["PYTHONPATH"] = str(target)
    else:
        call(python, "-m", "venv", str(target))
        scripts = target / ("Scripts" if os.name == "nt" else "bin")
        pip = (str(scripts / "python"), "-m", "pip", "install", "--quiet", "--no-compile")
        call(*pip, "-c", str(ROOT / "constraints.txt"), str(wheel))
        program = [str(scripts / "lungcam")]
    for arguments in TRIAL:
        call(*program, *arguments, cwd=work, env=environment)


def write_checksums(files: Sequence[Path]) -> None:
    """Write SHA256SUMS, as `sha256sum --check` reads it."""
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (DIST / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    print("".join(lines), end="")


def call(*command: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Run a command, and end with its exit code if it fails."""
    done = subprocess.run(command, cwd=cwd, env=env)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: ended with {done.returncode}.")


if __name__ == "__main__":
    main()

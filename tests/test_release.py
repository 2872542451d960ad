"""Files of a release: versions agree, others check its checksums, and images install the same."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import lungcam

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.fixture
def release(tmp_path, monkeypatch):
    """Return the script as a module that writes into another folder."""
    place = importlib.util.spec_from_file_location("release", ROOT / "scripts" / "release.py")
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    monkeypatch.setattr(module, "DIST", tmp_path)
    return module


def test_versions_agree(release):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert release.read_version() == citation["version"] == lungcam.__version__


def test_a_release_without_an_entry_in_the_changelog_is_refused(release, tmp_path, monkeypatch):
    (tmp_path / "lungcam").mkdir()
    (tmp_path / "lungcam" / "__init__.py").write_text('__version__ = "9.0.0"\n')
    (tmp_path / "CITATION.cff").write_text("version: 9.0.0\n")
    (tmp_path / "CHANGELOG.md").write_text("## Unreleased\n\n## 8.0.0\n")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"^CHANGELOG\.md: it has no version 9\.0\.0"):
        release.check_versions()
    (tmp_path / "CHANGELOG.md").write_text("## 9.0.0\n")
    release.check_versions()


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum")
def test_checksums_are_those_of_sha256sum(release, tmp_path):
    files = [tmp_path / name for name in ("a.whl", "b.tar.gz")]
    for file in files:
        file.write_bytes(file.name.encode() * 1000)
    release.write_checksums(files)
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True).returncode == 0
    files[0].write_bytes(b"changed")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True).returncode == 1


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_workflows_name_what_there_is(file):
    text = file.read_text(encoding="utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert all("runs-on" in job and job["steps"] for job in jobs.values())
    extras = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"\.\[(\w+)\]", text):
        assert f"\n{extra} = [" in extras
    for script in re.findall(r"scripts/\w+\.py", text):
        assert (ROOT / script).is_file()


def test_both_images_install_the_same():
    images = [(ROOT / name).read_text(encoding="utf-8") for name in ("Dockerfile", "lungcam.def")]
    packages = [
        re.search(r"--no-install-recommends (.*?)[ \\]*$", text, re.M)[1] for text in images
    ]
    extras = [re.search(r"'\.\[(.*?)\]'", text)[1] for text in images]
    assert packages[0] == packages[1]
    assert extras[0] == extras[1]
    # what is copied into them is there
    for name in re.findall(r"^    (\S+) /source/\S+$", images[1], re.M):
        assert (ROOT / name).exists()
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    for name in re.findall(r"^!(\S+)$", kept, re.M):
        assert (ROOT / name).exists()

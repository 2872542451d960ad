"""Blocks of code in the documentation: they parse, and the keys of every command exist."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser

from lungcam.cli.app import quote_paths
from lungcam.cli.commands import SETTINGS
from lungcam.cli.infer import spell_out
from lungcam.config.paths import INFER_PATHS, TRAIN_PATHS
from lungcam.config.schema import register_schemas
from lungcam.runtime.versions import CONFIG_FOLDER

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
# launchers are installed by extras; a folder is named that the reader has made
ELSEWHERE = ("hydra/launcher", "hydra.launcher")
PATHS = {"train": TRAIN_PATHS, "infer": INFER_PATHS}


def blocks(language: str) -> list[tuple[str, str]]:
    """Return page and text of each block in a language."""
    return [
        (f"{page.relative_to(ROOT)}: {text.strip().splitlines()[0][:60]}", text)
        for page in PAGES
        for kind, text in BLOCK.findall(page.read_text(encoding="utf-8"))
        if kind == language
    ]


def commands() -> list[tuple[str, list[str]]]:
    """Return name and arguments of every command of lungcam in the blocks of a shell."""
    calls = {}
    for _, text in blocks("bash"):
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            names = [f"{name}.py" for name in PATHS]
            start = next((i for i, word in enumerate(words) if word in (*names, "lungcam")), None)
            if start is None or "$(" in line:
                continue
            name, arguments = words[start].removesuffix(".py"), words[start + 1 :]
            if name == "lungcam":
                name, *arguments = arguments
            calls[" ".join([name, *arguments])] = (name, arguments)
    return list(calls.values())


def identity(part: object) -> str:
    return part if isinstance(part, str) else ""


@pytest.mark.parametrize(("page", "text"), blocks("python"), ids=identity)
def test_python_parses(page, text):
    ast.parse(text)


@pytest.mark.parametrize(("page", "text"), blocks("yaml") + blocks("toml"), ids=identity)
def test_settings_parse(page, text):
    if (page, text) in blocks("toml"):
        tomllib.loads(text)
    else:
        yaml.safe_load(text)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_the_shell_parses_every_block():
    for page, text in blocks("bash"):
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
        assert done.returncode == 0, f"{page}: {done.stderr}"


def test_every_command_composes():
    """Keys, groups and choices in the documentation exist."""
    register_schemas()
    parser = OverridesParser.create()
    counted = {"train": 0, "infer": 0}
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        for name, arguments in commands():
            if name not in PATHS or "--config-dir" in arguments:
                continue
            settings = [text for text in spell_out(arguments) if not text.startswith("-")]
            settings = [text for text in settings if not text.startswith(ELSEWHERE)]
            quoted = quote_paths([*settings, *{"-m"} & {*arguments}], PATHS[name])
            overrides = []
            for override in parser.parse_overrides([text for text in quoted if text != "-m"]):
                if not override.is_sweep_override():
                    overrides.append(override.input_line)
                elif override.is_discrete_sweep():
                    first = next(override.sweep_string_iterator())
                    overrides.append(f"{override.get_key_element()}={first}")
            experiments = [text for text in overrides if text == "experiment=fine"]
            compose(name, [text for text in overrides if text not in experiments])
            counted[name] += 1
    assert counted["train"] > 40
    assert counted["infer"] > 15


def test_settings_of_small_commands_exist():
    counted = 0
    for name, arguments in commands():
        if name in PATHS or name.startswith("-"):
            continue
        cohort = name == "check" and any(text.startswith("data=") for text in arguments)
        for argument in arguments:
            key, equals, _ = argument.partition("=")
            if equals and not cohort:
                assert key in SETTINGS[name], f"{name} {argument}"
        counted += 1
    assert counted > 8


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="needs mkdocs: '.[docs]'")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    page = (tmp_path / "site" / "api" / "notebooks.html").read_text(encoding="utf-8")
    assert "Predict and explain a scan as" in page
    # nothing is fetched from elsewhere when the page is opened
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="https?://[^"]+\.(?:js|css)', page)

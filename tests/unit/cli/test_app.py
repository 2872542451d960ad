"""Paths as typed, and exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from lungcam.cli.app import quote_paths
from lungcam.config.paths import expand
from lungcam.errors import InputError

ROOT = Path(__file__).parents[3]
PARSER = OverridesParser.create()

odd = st.text(st.sampled_from("ab é=,[](){}:'\"\\$#~.*/?@|&%!;<>`^+-_0"), min_size=1, max_size=20)
printable = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=20)


def received(typed: str) -> str:
    """Return the path that a run reads, through Hydra's parser and OmegaConf's interpolations."""
    (argument,) = quote_paths([f"scan={typed}"], ["scan"])
    (override,) = PARSER.parse_overrides([argument])
    config = OmegaConf.create()
    OmegaConf.update(config, override.key_or_group, override.value())
    return OmegaConf.to_container(config, resolve=True)["scan"]


@settings(deadline=None, max_examples=300)
@given(st.one_of(odd, printable))
@example("/data/Patient 1, März [2]/scan.nii.gz")
@example("C:\\scans\\")
@example("it's")
@example("'tis the scan")
@example("a\\'b")
@example("${HOME}/scan")
@example("a\\${b}\\\\${c}\\")
@example("nulls")
@example("1e3")
@example("key=value")
def test_a_path_arrives_as_typed(typed):
    if len(typed) > 1 and typed[0] == typed[-1] and typed[0] in "'\"":
        return  # the user's own quotes; see below
    if typed[0] == "[" and typed[-1] == "]":
        return  # a list of paths; see below
    if typed == "null":
        return  # no path; see below
    if typed == "???":
        return  # OmegaConf's marker of a missing value
    home = str(expand(typed)) if typed[0] == "~" else typed
    assert received(typed) == home


@pytest.mark.parametrize("typed", ["'a b'", '"a b"'])
def test_quotes_of_the_user_are_removed(typed):
    assert received(typed) == "a b"


def test_other_arguments_are_not_quoted():
    arguments = ["scan=a b", "gpus=1", "--help", "out", "-m", "scanner=a b", "=x"]
    assert quote_paths(arguments, ["scan", "out"]) == ["scan='a b'", *arguments[1:]]


def parsed(typed: str, *others: str) -> list:
    """Return Hydra's value of `data.table=`, or in a sweep a list with one for each job."""
    quoted = quote_paths([f"data.table={typed}", *others], ["data.table"])
    (override,) = PARSER.parse_overrides(quoted[:1])
    return list(override.sweep_iterator()) if override.is_sweep_override() else override.value()


def test_several_paths_in_brackets_are_a_list():
    assert parsed("[a.csv,b.csv]") == ["a.csv", "b.csv"]
    assert parsed("['my a.csv','b, c.csv']") == ["my a.csv", "b, c.csv"]


def test_a_path_that_begins_with_a_bracket_is_no_list():
    assert str(parsed("[old] scans/a.csv")) == "[old] scans/a.csv"


def test_a_folder_name_in_brackets_is_no_list_for_other_keys():
    assert received("[x]") == "[x]"


def test_null_is_no_path_and_an_empty_path_is_refused():
    assert quote_paths(["data.xml=null"], ["data.xml"]) == ["data.xml=null"]
    with pytest.raises(InputError, match=r"data\.xml=: no path is given"):
        quote_paths(["data.xml="], ["data.xml"])


@pytest.mark.parametrize("flag", ["-m", "--multirun"])
def test_comma_separated_paths_are_the_jobs_of_a_sweep(flag):
    assert parsed("a.csv,b.csv", flag) == ["a.csv", "b.csv"]
    assert str(parsed("a b.csv", flag)) == "a b.csv"
    # without a sweep a comma is part of the name
    assert str(parsed("a.csv,b.csv")) == "a.csv,b.csv"


def run_script(tmp_path: Path, body: str, *arguments: str) -> subprocess.CompletedProcess:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from lungcam.cli.app import run\n"
        "from lungcam.errors import InputError\n" + body
    )
    return subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, cwd=tmp_path
    )


def raising(expression: str) -> str:
    return f"def main():\n    raise {expression}\nrun(main)\n"


def test_success_is_exit_code_0(tmp_path):
    done = run_script(tmp_path, "run(lambda: print('done'))\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_an_input_error_is_one_line_and_exit_code_2(tmp_path):
    done = run_script(tmp_path, raising("InputError('scan.nii: broken;\\n copy it again.')"))
    assert done.returncode == 2
    assert done.stderr == "lungcam: scan.nii: broken; copy it again.\n"


def test_a_message_does_not_stand_in_the_line_of_a_progress_bar(tmp_path):
    bar = "from tqdm import tqdm\nfor bar in (tqdm(range(3), file=stream) for stream in STREAMS):\n"
    body = bar.replace("STREAMS", "(sys.stdout, sys.stderr)") + "    next(iter(bar))\n"
    done = run_script(tmp_path, body + raising("InputError('scan.nii: broken.')"))
    assert done.returncode == 2
    assert done.stdout.endswith("\n")
    assert done.stderr.splitlines()[-1] == "lungcam: scan.nii: broken."


@pytest.mark.parametrize("error", ["ValueError('ours')", "KeyError('ours')", "OSError('ours')"])
def test_a_defect_has_a_traceback_and_exit_code_1(tmp_path, error):
    done = run_script(tmp_path, raising(error))
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ours" in done.stderr


def test_ctrl_c_ends_quietly(tmp_path):
    done = run_script(tmp_path, raising("KeyboardInterrupt"))
    assert (done.returncode, done.stderr) == (130, "")


HYDRA = """
import hydra
from dataclasses import dataclass
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

@dataclass
class Config:
    scan: str = MISSING
    gpus: int = 0

ConfigStore.instance().store(name="schema", node=Config)

@hydra.main(version_base="1.3", config_path=None, config_name="schema")
def main(config):
    if config.gpus:
        raise InputError(f"gpus={config.gpus}: too many; see --help.")
    print(config.scan)

run(main, paths=("scan",))
"""
QUIET = ("hydra.run.dir=.", "hydra.output_subdir=null", "hydra/job_logging=none")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("scan=a", "gpu=1"), "gpu"),
        (("scan=a", "gpus=many"), "many"),
        (("scan=a", "gpus=[1"), "[1"),
        (("scan=a", "model=none"), "model"),
        ((), "scan"),
        (("scan=a", "gpus=3"), "gpus=3: too many"),
    ],
)
def test_a_config_error_is_one_line_and_exit_code_2(tmp_path, arguments, says):
    done = run_script(tmp_path, HYDRA, *arguments, *QUIET)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("lungcam: ")
    assert says in line
    assert "--help" in line


def test_a_path_reaches_the_application_as_typed(tmp_path):
    typed = "/data/Patient 1, März [2]/it's ${x} \\"
    done = run_script(tmp_path, HYDRA, f"scan={typed}", *QUIET)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{typed}\n"

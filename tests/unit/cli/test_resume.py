"""Arguments that `resume=RUN_FOLDER` gives Hydra; tests/integration/test_resume.py runs them."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from lungcam.cli.resume import resume_arguments
from lungcam.errors import InputError

ODD = "a run, März [2] ${x} it's=1"


def begin(run: Path, cwd: Path) -> Path:
    """Write the files that Hydra leaves in the folder of a run that has begun."""
    folder = run / ".hydra"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("seed: 0\n")
    (folder / "hydra.yaml").write_text(f"hydra:\n  runtime:\n    cwd: {cwd}\n")
    (folder / "overrides.yaml").write_text("[]\n")
    return run


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def overrides(arguments: list[str]) -> dict[str, object]:
    """Return the overrides that Hydra reads in the arguments, without flags and their values."""
    parsed = OverridesParser.create().parse_overrides(
        [argument for argument in arguments if "=" in argument]
    )
    return {override.key_or_group: override.value() for override in parsed}


def test_arguments_without_resume_are_unchanged():
    given = ["-m", "seed=1,2", "hydra.run.dir=resume=x"]
    assert resume_arguments(given) == given
    assert resume_arguments(["resume=null"]) == ["resume=null"]


@pytest.mark.parametrize("name", ["run", ODD])
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_run_continues_with_its_own_configuration_in_its_own_folder(
    tmp_path, elsewhere, name, quote
):
    if quote == "'" and name == ODD:
        return  # a quote within quotes
    start = tmp_path / "start"
    start.mkdir()
    run = begin(tmp_path / "elsewhere" / name, start)
    arguments = resume_arguments([f"resume={quote}{name}{quote}", "trainer.gpus=0"])
    place = arguments.index("--config-path")
    assert arguments[place : place + 4] == [
        "--config-path",
        str(run / ".hydra"),
        "--config-name",
        "config",
    ]
    read = overrides(arguments[:place] + arguments[place + 4 :])
    plainly = {key: str(value).replace("\\${", "${") for key, value in read.items()}
    assert plainly["resume"] == plainly["hydra.run.dir"] == str(run)
    assert read["trainer.gpus"] == 0
    assert read["hydra.output_subdir"] is None
    # relative paths keep their meaning
    assert Path.cwd() == start


def test_a_run_continues_here_if_its_first_folder_is_gone(tmp_path, elsewhere):
    begin(tmp_path / "run", tmp_path / "gone")
    resume_arguments(["resume=../run"])
    assert Path.cwd() == elsewhere


def test_a_cache_is_relative_to_the_present_folder(tmp_path, elsewhere):
    begin(tmp_path / "run", tmp_path)
    assert f"cache={elsewhere / 'mine'}" in resume_arguments(["resume=../run", "cache=mine"])


def test_a_finished_run_is_reported_and_not_changed(tmp_path, elsewhere, capsys):
    run = begin(tmp_path / "run", tmp_path)
    (run / "metrics.json").write_text("{}")
    with pytest.raises(SystemExit) as ended:
        resume_arguments(["resume=../run"])
    assert ended.value.code == 0
    assert "this run is finished" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("-m", "^resume=: it continues one run"),
        ("--multirun", "^resume=: it continues one run"),
        ("trainer.max_epochs=9", r"^trainer\.max_epochs: a run continues with its own settings"),
        ("+seed=2", "^seed: a run continues"),
        ("~split", "^split: a run continues"),
        ("hydra.run.dir=other", r"^hydra\.run\.dir: "),
        ("model=resnet10", "^model: "),
    ],
)
def test_a_setting_that_would_make_it_another_run_is_refused(tmp_path, argument, message):
    begin(tmp_path / "run", tmp_path)
    with pytest.raises(InputError, match=message):
        resume_arguments([f"resume={tmp_path / 'run'}", argument])


def test_a_folder_without_a_run_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"gone: there is no such run folder; check resume="):
        resume_arguments([f"resume={tmp_path / 'gone'}"])
    with pytest.raises(InputError, match=r"no run has begun in it"):
        resume_arguments([f"resume={tmp_path}"])
    with pytest.raises(InputError, match=r"^resume=: no folder is given"):
        resume_arguments(["resume="])


def test_a_run_killed_before_hydra_wrote_its_overrides_has_not_begun(tmp_path):
    run = begin(tmp_path / "run", tmp_path)
    (run / ".hydra" / "overrides.yaml").unlink()
    with pytest.raises(InputError, match="no run has begun"):
        resume_arguments([f"resume={run}"])


@pytest.mark.parametrize(
    "content", ["{", "\x00", "- a", "a: ${b}", "hydra: {runtime: {cwd: 7}}", "hydra: 7", ""]
)
@pytest.mark.parametrize("name", ["config.yaml", "hydra.yaml"])
def test_damaged_files_of_a_run_are_refused_in_one_line(tmp_path, name, content):
    folder = tmp_path / "run" / ".hydra"
    folder.mkdir(parents=True)
    (folder / "overrides.yaml").write_text("[]")
    (folder / "config.yaml").write_text("seed: 0")
    (folder / "hydra.yaml").write_text(f"hydra: {{runtime: {{cwd: {tmp_path}}}}}")
    (folder / name).write_text(content)
    if name == "config.yaml" and (not content or content.startswith(("a:", "hydra"))):
        pytest.skip("a configuration is checked as a whole later")
    with pytest.raises(InputError) as caught:
        resume_arguments([f"resume={tmp_path / 'run'}"])
    assert str(tmp_path / "run") in str(caught.value)
    assert str(caught.value).isprintable()

"""`resume=RUN_FOLDER` as Hydra gets it. What comes of it: tests/integration/test_resume.py."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from lungcam.cli.resume import resume_arguments
from lungcam.errors import InputError

ODD = "a run, März [2] ${x} it's=1"


def begin(run: Path, cwd: Path) -> Path:
    """What Hydra leaves in the folder of a run that has begun."""
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
    """What Hydra reads in them, flags and their values left aside."""
    parsed = OverridesParser.create().parse_overrides([one for one in arguments if "=" in one])
    return {one.key_or_group: one.value() for one in parsed}


def test_other_arguments_stay_as_they_are():
    given = ["-m", "seed=1,2", "hydra.run.dir=resume=x"]
    assert resume_arguments(given) == given
    assert resume_arguments(["resume=null"]) == ["resume=null"]


@pytest.mark.parametrize("name", ["run", ODD])
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_run_goes_on_with_its_own_configuration_in_its_own_folder(
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
    # relative paths mean what they meant
    assert Path.cwd() == start


def test_a_run_whose_first_place_is_gone_goes_on_where_it_is_called(tmp_path, elsewhere):
    begin(tmp_path / "run", tmp_path / "gone")
    resume_arguments(["resume=../run"])
    assert Path.cwd() == elsewhere


def test_a_cache_is_meant_from_where_it_is_named(tmp_path, elsewhere):
    begin(tmp_path / "run", tmp_path)
    assert f"cache={elsewhere / 'mine'}" in resume_arguments(["resume=../run", "cache=mine"])


def test_a_finished_run_says_so_and_is_left_alone(tmp_path, elsewhere, capsys):
    run = begin(tmp_path / "run", tmp_path)
    (run / "metrics.json").write_text("{}")
    with pytest.raises(SystemExit) as ended:
        resume_arguments(["resume=../run"])
    assert ended.value.code == 0
    assert "this run is finished" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("beside", "says"),
    [
        ("-m", "^resume=: it goes on with one run"),
        ("--multirun", "^resume=: it goes on with one run"),
        ("trainer.max_epochs=9", r"^trainer\.max_epochs: a run goes on with its own settings"),
        ("+seed=2", "^seed: a run goes on"),
        ("~split", "^split: a run goes on"),
        ("hydra.run.dir=other", r"^hydra\.run\.dir: "),
        ("model=resnet10", "^model: "),
    ],
)
def test_what_would_make_it_another_run_is_refused(tmp_path, beside, says):
    begin(tmp_path / "run", tmp_path)
    with pytest.raises(InputError, match=says):
        resume_arguments([f"resume={tmp_path / 'run'}", beside])


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone: there is no such run folder; check resume="):
        resume_arguments([f"resume={tmp_path / 'gone'}"])
    with pytest.raises(InputError, match=r"no run has begun in it"):
        resume_arguments([f"resume={tmp_path}"])
    with pytest.raises(InputError, match=r"^resume=: no folder is given"):
        resume_arguments(["resume="])


def test_a_run_killed_while_hydra_wrote_its_settings_has_not_begun(tmp_path):
    run = begin(tmp_path / "run", tmp_path)
    (run / ".hydra" / "overrides.yaml").unlink()
    with pytest.raises(InputError, match="no run has begun"):
        resume_arguments([f"resume={run}"])

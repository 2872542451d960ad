"""A run is continued with the user's own code only if they vouch for it, or began it here."""

import json
import shutil
from pathlib import Path

import pytest

from lungcam.config.plugins import load_plugins
from lungcam.errors import InputError
from lungcam.training.own_run import check_resumed_code, code_records, seal_code

NODES = {"model": {"_target_": "tool.Net"}, "plugins": ["tool.py"]}
PLAIN = {"model": {"_target_": "lungcam.nets.Small3D"}, "plugins": []}
CODE = "class Net:\n    pass\n"
TRIPWIRE = "from pathlib import Path\nPath('tripped').touch()\n"


@pytest.fixture
def run(here) -> Path:
    """Return the folder of a run that has begun with a plug-in."""
    (here / "tool.py").write_text(CODE)
    folder = here / "run"
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").write_text("seed: 0\n")
    (folder / ".hydra" / "hydra.yaml").write_text("hydra: {}\n")
    load_plugins(["tool.py"])
    seal_code(folder, NODES)
    return folder


def test_a_run_of_ones_own_needs_no_word(run, here):
    assert check_resumed_code(run, NODES, given=()) == [str(here / "tool.py")]


def test_the_record_names_the_code_of_each_target(run):
    record = json.loads((run / ".hydra" / "plugins.json").read_text())
    assert record["targets"] == code_records(NODES)
    assert list(record["targets"]) == ["tool.Net"]


def test_a_run_without_code_of_ones_own_has_no_record(here):
    seal_code(here, PLAIN)
    assert not list(here.rglob("plugins.json"))
    assert check_resumed_code(here, PLAIN, given=()) is None


def forge_config(run: Path) -> None:
    (run / ".hydra" / "config.yaml").write_text("seed: 0\nmodel: {_target_: os.system}\n")


def forge_record(run: Path) -> None:
    file = run / ".hydra" / "plugins.json"
    record = json.loads(file.read_text())
    record["plugins"]["evil.py"] = record["targets"]["tool.Net"]["sha256"]
    file.write_text(json.dumps(record))


def forget_key(run: Path) -> None:
    shutil.rmtree(run.parent / "state")


def another_key(run: Path) -> None:
    forget_key(run)
    seal_code(run.parent, NODES)


def change_code(run: Path) -> None:
    (run.parent / "tool.py").write_text(CODE + "# another\n" + TRIPWIRE)


def remove_code(run: Path) -> None:
    (run.parent / "tool.py").unlink()


def remove_record(run: Path) -> None:
    (run / ".hydra" / "plugins.json").unlink()


@pytest.mark.parametrize(
    "change",
    [
        *(forge_config, forge_record, forget_key, another_key, change_code, remove_code),
        *(remove_record,),
    ],
)
def test_any_change_asks_for_the_code(run, here, change):
    change(run)
    with pytest.raises(InputError, match=r"run: the run uses code of a user .*add plugins=\["):
        check_resumed_code(run, NODES, given=())
    assert not (here / "tripped").exists()


def test_code_that_is_given_is_compared_with_the_record(run, here):
    forget_key(run)
    assert check_resumed_code(run, NODES, given=["tool.py"]) is None
    other = here / "other"
    other.mkdir()
    change_code(run)
    with pytest.raises(InputError, match=r"tool\.py is not the code that the run was begun with"):
        check_resumed_code(run, NODES, given=["tool.py"])
    assert not (here / "tripped").exists()


def test_code_that_holds_another_target_is_not_enough(run, here):
    forget_key(run)
    (here / "more.py").write_text(TRIPWIRE)
    with pytest.raises(InputError, match=r"no plug-in of plugins= holds tool\.Net"):
        check_resumed_code(run, NODES, given=["more.py"])
    assert not (here / "tripped").exists()

"""A search's database is data: what is not a search is refused in one line, and nothing is run."""

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("optuna", reason="needs the extra sweep")

from optuna.distributions import FloatDistribution, IntDistribution

from lungcam.errors import InputError
from lungcam.sweeps.study import FILE, Study

SPACE = {
    "optimizer.lr": FloatDistribution(1e-4, 1e-2, log=True),
    "loader.batch_size": IntDistribution(1, 8),
}


def search(folder: Path) -> Study:
    return Study(folder, ["model=small3d"], space=SPACE, seed=0)


def sql(statement: str) -> Callable[[Path], None]:
    def spoil(file: Path) -> None:
        connection = sqlite3.connect(file)
        connection.execute(statement)
        connection.commit()
        connection.close()

    return spoil


SPOILT = {
    "text": lambda file: file.write_bytes(b"x" * 5000),
    "cut short": lambda file: file.write_bytes(file.read_bytes()[:5000]),
    "no JSON": sql("update study_user_attributes set value_json='{no'"),
    "other settings": sql("update study_user_attributes set value_json='[1]'"),
    "no distribution": sql("update trial_params set distribution_json='{}'"),
    "value out of range": sql("update trial_params set param_value=1e300"),
    "infinite value": sql("update trial_params set param_value=9e999"),
    "another search's setting": sql(
        "update trial_params set param_name='seed' where param_name='optimizer.lr'"
    ),
    "another version": sql("update alembic_version set version_num='v9.9.9'"),
}


@pytest.fixture
def interrupted(tmp_path) -> Path:
    """Return the folder of a search that was killed in its first trial."""
    search(tmp_path).ask(1)
    return tmp_path


def test_an_interrupted_trial_is_repeated(interrupted):
    ((number, overrides),) = search(interrupted).ask(1)
    assert number == 1
    assert overrides[0] == "model=small3d"


@pytest.mark.parametrize("case", SPOILT)
def test_a_database_that_is_none_is_refused(interrupted, case):
    SPOILT[case](interrupted / FILE)
    with pytest.raises(InputError) as error:
        search(interrupted)
    assert str(error.value).startswith(str(interrupted / FILE))
    assert "hydra.sweep.dir" in str(error.value)


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    study = search(tmp_path)

    def full(*given, **named):
        raise RuntimeError("commit failed") from sqlite3.OperationalError(
            "database or disk is full"
        )

    monkeypatch.setattr(study._study, "ask", full)
    with pytest.raises(OSError, match="space") as error:
        study.ask(1)
    assert error.value.errno == errno.ENOSPC
    assert error.value.filename == str(tmp_path / FILE)

"""Tests of search spaces in Hydra's grammar."""

import pytest

from lungcam.errors import InputError

optuna = pytest.importorskip("optuna", reason="the extra `sweep` is not installed")

from optuna.distributions import (  # noqa: E402
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from lungcam.sweeps.space import format_override, read_space, sample_overrides  # noqa: E402


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("interval(0,0.5)", FloatDistribution(0, 0.5)),
        ("tag(log,interval(1e-4,1e-2))", FloatDistribution(1e-4, 1e-2, log=True)),
        ("int(interval(2,9))", IntDistribution(2, 9)),
        ("range(2,9,3)", IntDistribution(2, 8, step=3)),
        ("choice(4,8)", CategoricalDistribution(("4", "8"))),
        ("a,b", CategoricalDistribution(("a", "b"))),
        ("[1,2],[3,4]", CategoricalDistribution(("[1,2]", "[3,4]"))),
    ],
)
def test_hydras_grammar_gives_the_distribution(typed, expected):
    fixed, space = read_space({}, [f"a.b={typed}", "c=1"])
    assert fixed == ["c=1"]
    assert space == {"a.b": expected}


def test_the_command_line_overrides_the_file():
    params = {"lr": "interval(0,1)", "size": "choice(4,8)", "seed": "3"}
    fixed, space = read_space(params, ["size=4", "seed=choice(1,2)"])
    assert fixed == ["size=4"]
    assert space == {
        "lr": FloatDistribution(0, 1),
        "seed": CategoricalDistribution(("1", "2")),
    }


@pytest.mark.parametrize("typed", ["tag(log,interval(0,1.0))", "interval(2.0,1.0)"])
def test_an_impossible_range_is_named(typed):
    with pytest.raises(InputError, match="lr="):
        read_space({}, [f"lr={typed}"])


def test_sample_overrides_name_every_value():
    _, space = read_space({}, ["a=x,y,z", "b=interval(0,0.5)"])
    assert sample_overrides(space) == [["a=x", "b=0.0"], ["a=y", "b=0.5"], ["a=z", "b=0.0"]]


def test_a_chosen_number_keeps_its_digits():
    assert float(format_override("lr", 0.1 + 0.2).partition("=")[2]) == 0.1 + 0.2

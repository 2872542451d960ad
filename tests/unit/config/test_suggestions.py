"""Suggestions for misspelt names."""

import pytest

from lungcam.config.schema import InferConfig, TrainConfig
from lungcam.config.suggestions import choices_of, did_you_mean, known_keys, no_such
from lungcam.runtime.versions import CONFIG_FOLDER

KEYS = known_keys(TrainConfig, CONFIG_FOLDER)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("max_epoch", "trainer.max_epochs"),
        ("trianer.max_epochs", "trainer.max_epochs"),
        ("optimiser.lr", "optimizer.lr"),
        ("modle", "model"),
        ("model.dropuot", "model.dropout"),
        ("sead", "seed"),
        ("exprimen", "experiment"),
        ("data.tabel", "data.table"),
    ],
)
def test_the_nearest_key_is_found_with_its_group(typed, meant):
    assert did_you_mean(typed, KEYS) == f" Did you mean {meant}?"


def test_nothing_is_suggested_for_what_is_far_from_all():
    assert did_you_mean("heat_of_the_sun", KEYS) == ""
    assert did_you_mean("x", []) == ""


def test_spellings_keep_their_case():
    assert did_you_mean("coordx", ["coordX", "image"]) == " Did you mean coordX?"


def test_keys_are_those_that_compose(composer):
    known = set(KEYS)
    assert {"hparams_search", "debug", "trainer.gpus", "model.pool", "data.root"} <= known
    assert not [key for key in known if key.startswith(("_", "hydra.run", "defaults"))]
    infer = known_keys(InferConfig, None)
    assert {"dicom.write", "explain.layer", "render.interactive"} <= set(infer)
    assert not any(key.startswith(("trainer", "model")) for key in infer)


def test_choices_and_names_are_listed():
    assert "small3d" in choices_of("model", CONFIG_FOLDER)
    line = no_such("setting", "splits", ["split", "out"])
    assert line == "there is no such setting; it takes split, out. Did you mean split?"

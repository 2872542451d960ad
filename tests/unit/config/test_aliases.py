"""Names of the previous version in a configuration, a checkpoint and on the command line."""

import math

import pytest
import torch
from hydra.utils import get_object

from lungcam.callbacks import LogisticRefit
from lungcam.config import aliases
from lungcam.config.aliases import (
    LATER,
    current_target,
    drop_removed_settings,
    update_targets,
    update_train_config,
)
from lungcam.config.instantiate import check_targets, instantiate
from lungcam.errors import InputError
from lungcam.training.checkpoint import NET_TARGETS, TRANSFORM_TARGETS
from lungcam.transforms import HUThreshold

# classes and functions that a configuration of the previous version could name, by module path
PREVIOUS = (
    "lungcam.callbacks.FitJudge",
    "lungcam.callbacks.epoch_seed.EpochSeed",
    "lungcam.callbacks.export.HeatmapExport",
    "lungcam.callbacks.fit_judge.FitJudge",
    "lungcam.callbacks.last_checkpoint.LastCheckpoint",
    "lungcam.cohorts.lidc.cohort.lidc_cohort",
    "lungcam.cohorts.luna16.cohort.luna16_cohort",
    "lungcam.cohorts.nlst.cohort.nlst_cohort",
    "lungcam.cohorts.phantom.cohort.phantom_cohort",
    "lungcam.cohorts.phantom.phantom_cohort",
    "lungcam.cohorts.table.cohort.table_cohort",
    "lungcam.nets.hazard.HazardHead",
    "lungcam.nets.lung_net.LungNet",
    "lungcam.nets.nodule_net.NoduleNet",
    "lungcam.nets.small3d.Small3D",
    "lungcam.transforms.components.LungComponents",
    "lungcam.transforms.contrast.WallContrast",
    "lungcam.transforms.flips.RandomFlips",
    "lungcam.transforms.mask.LungMask",
    "lungcam.transforms.nodule.NoduleView",
    "lungcam.transforms.poses.RandomPoses",
    "lungcam.transforms.threshold.HUThreshold",
    "lungcam.transforms.view.LungView",
    "lungcam.transforms.window.HUWindow",
    "lungcam.transforms.zero_centre.ZeroCentre",
)


@pytest.fixture(autouse=True)
def nothing_announced(monkeypatch):
    monkeypatch.setattr(aliases, "_announced", set())


@pytest.mark.parametrize("target", PREVIOUS)
def test_a_name_of_the_previous_version_is_still_found(target):
    current = current_target(target)
    assert callable(get_object(current))
    assert current_target(current) == current


def test_an_old_target_is_made_and_announced_once(capsys):
    node = {"_target_": "lungcam.callbacks.FitJudge", "penalty": 2.0}
    assert isinstance(instantiate(node, "callbacks.judge"), LogisticRefit)
    assert isinstance(instantiate(node, "callbacks.judge"), LogisticRefit)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(
        "note: lungcam.callbacks.FitJudge is now lungcam.callbacks.LogisticRefit; "
    )
    assert node["_target_"] == "lungcam.callbacks.FitJudge"


def test_old_targets_are_found_at_any_depth():
    old = "lungcam.transforms.threshold.HUThreshold"
    node = {"_target_": "torchio.Compose", "transforms": [{"_target_": old, "threshold": -400}]}
    (step,) = instantiate(node, "steps").transforms
    assert isinstance(step, HUThreshold)
    check_targets({"steps": node})


def test_a_checkpoints_old_targets_are_checked_under_their_new_names():
    check_targets({"_target_": "lungcam.nets.hazard.HazardHead"}, "model", allowed=NET_TARGETS)
    check_targets(
        {"_target_": "lungcam.transforms.flips.RandomFlips"}, "flips", allowed=TRANSFORM_TARGETS
    )
    with pytest.raises(InputError, match=r"^model\._target_=lungcam\.phantom\.phantom_cohort: all"):
        check_targets(
            {"_target_": "lungcam.cohorts.phantom.phantom_cohort"}, "model", allowed=NET_TARGETS
        )


@pytest.mark.parametrize(
    "target",
    [
        "lungcam.cohorts.phantom.os.system",
        "lungcam.cohorts.phantom.cohort.run_all",
        "lungcam.cohorts.phantomx.phantom_cohort",
        "lungcam.transforms.threshold._target",
        "lungcam.transforms.threshold.tio.Compose",
        "lungcam.transforms.threshold.np.load",
        "lungcam.runs.threshold.train",
        "lungcam.callbacks.fit_judge.minimize",
        "lungcam.callbacks.Localisation",
    ],
)
def test_an_alias_admits_nothing_else(target):
    with pytest.raises(InputError, match=r"^model\._target_="):
        instantiate({"_target_": target}, "model")


@pytest.mark.parametrize(
    "target", ["lungcam.callbacks.Localisation", "lungcam.callbacks.localisation.Localisation"]
)
def test_a_removed_callback_is_left_out_and_announced(capsys, target):
    callbacks = {"localisation": {"_target_": target, "layer": "conv3"}, "other": {}}
    nodes = {"loss": {}, "callbacks": callbacks}
    assert update_train_config(nodes) == LATER | {"loss": {}, "callbacks": {"other": {}}}
    assert update_targets({"list": [{"_target_": target}, 1]}) == {"list": [1]}
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"note: {target} is ignored: every run measures it now.")


def test_options_of_a_removed_callback_are_left_out(capsys):
    """An experiment's file may set them."""
    callbacks = {"localisation": {"layer": "conv2"}, "checkpoint": {"_target_": "a"}}
    nodes = update_train_config({"loss": {}, "callbacks": callbacks})
    assert nodes == LATER | {"loss": {}, "callbacks": {"checkpoint": {"_target_": "a"}}}
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("note: callbacks.localisation is ignored: ")


@pytest.mark.parametrize(
    "argument",
    [
        "callbacks.localisation.layer=conv2",
        "+callbacks.localisation.layer=conv2",
        "++callbacks.localisation.method=layercam",
        "~callbacks.localisation",
        "~callbacks.localisation.layer",
    ],
)
def test_settings_of_a_removed_callback_are_dropped_from_the_command_line(capsys, argument):
    arguments = ["model=small3d", argument, "callbacks.export.val=0", "-m"]
    assert drop_removed_settings(arguments) == ["model=small3d", "callbacks.export.val=0", "-m"]
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert drop_removed_settings(["seed=1"]) == ["seed=1"]
    assert capsys.readouterr().out == ""


def test_a_run_without_a_loss_has_the_only_one_of_its_version():
    loss = instantiate(update_train_config({"seed": 0})["loss"], "loss")
    assert loss(torch.zeros(1), torch.ones(1)).item() == pytest.approx(math.log(2))


def test_current_names_are_not_touched(capsys):
    nodes = {
        "callbacks": {"refit": {"_target_": "lungcam.callbacks.LogisticRefit", "penalty": 3}},
        "model": {"_target_": "monai.networks.nets.resnet10", "block": [1, (2, 3)]},
        "loss": {"_target_": "lungcam.training.losses.FocalLoss", "gamma": 1.0},
        "seed": 0,
    }
    assert update_train_config(nodes) == LATER | nodes | {
        "model": {"_target_": "monai.networks.nets.resnet10", "block": [1, [2, 3]]}
    }
    assert capsys.readouterr().out == ""

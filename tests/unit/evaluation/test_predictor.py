"""A predictor has what its checkpoint carries, with and without a calibration."""

import pytest
import torch

from lungcam.errors import InputError
from lungcam.evaluation.predictor import load_predictor
from lungcam.nets import Small3D
from lungcam.training.checkpoint import METADATA_KEY
from lungcam.training.classifier import Classifier


@pytest.fixture
def write_checkpoint(tmp_path):
    """Function that writes a checkpoint with metadata."""

    def write(explain=(), **metadata):
        config = {
            "model": {"_target_": "lungcam.nets.Small3D"},
            "transforms": {},
            "explain": {"layer": "conv3", **dict(explain)},
            "view": {"shape": [16, 16, 16]},
        }
        file = tmp_path / "best.ckpt"
        metadata = {"config": config, "label_rule": "label 1: x", **metadata}
        torch.save({"state_dict": Classifier(Small3D()).state_dict(), METADATA_KEY: metadata}, file)
        return file

    return write


def test_a_calibration_is_applied(write_checkpoint):
    file = write_checkpoint(
        threshold=0.3, calibration={"slope": 0.5, "intercept": -1.0, "rule": "Platt"}
    )
    predictor = load_predictor(file, torch.device("cpu"))
    assert predictor.probability(2.0) == 0.5
    assert predictor.threshold == 0.3
    # earlier checkpoints do not hold the counts
    assert predictor.fitted_on is None


def test_a_calibration_names_the_counts_it_was_fitted_on(write_checkpoint):
    counts = {"n": 42, "n_positive": 20}
    file = write_checkpoint(
        calibration={"slope": 0.5, "intercept": -1.0, **counts, "rule": "Platt"}
    )
    assert load_predictor(file, torch.device("cpu")).fitted_on == (42, 20)


def test_without_a_calibration_probabilities_are_uncalibrated(write_checkpoint):
    predictor = load_predictor(write_checkpoint(), torch.device("cpu"))
    assert predictor.calibration is None
    assert predictor.probability(0.0) == 0.5
    assert predictor.probability(2.0) == pytest.approx(0.880797, abs=1e-6)


@pytest.mark.parametrize(
    "calibration",
    [{"slope": -1.0, "intercept": 0.0}, {"slope": 1.0}, {"slope": "x", "intercept": 0}, "platt"],
)
def test_a_calibration_without_a_positive_slope_is_refused(write_checkpoint, calibration):
    file = write_checkpoint(calibration=calibration)
    with pytest.raises(InputError, match="calibration"):
        load_predictor(file, torch.device("cpu"))


def explanation_settings(predictor):
    return predictor.layer, predictor.method, predictor.evidence


def test_an_earlier_checkpoint_is_explained_by_grad_cam(write_checkpoint):
    predictor = load_predictor(write_checkpoint(), torch.device("cpu"))
    assert explanation_settings(predictor) == ("net.conv3", "gradcam", "both")


def test_requested_explanations_precede_those_of_the_checkpoint(write_checkpoint):
    file = write_checkpoint({"method": "hirescam", "evidence": "for", "benchmark": True})
    assert explanation_settings(load_predictor(file, torch.device("cpu"))) == (
        "net.conv3",
        "hirescam",
        "for",
    )
    requested = {"layer": "conv2", "method": None, "evidence": "against", "erase": False}
    predictor = load_predictor(file, torch.device("cpu"), explain=requested)
    assert explanation_settings(predictor) == ("net.conv2", "hirescam", "against")


@pytest.mark.parametrize(
    ("explain", "message"),
    [
        ({"layer": "conv9"}, "no such layer; some that it has: conv1, norm1, relu, pool1"),
        ({"layer": "fc1"}, "layer 'fc1' is not known"),
        ({"layer": ""}, "no such layer"),
        ({"method": "gradcan"}, "choose gradcam, gradcampp"),
        ({"evidence": "all"}, "choose both, for or against"),
    ],
)
def test_an_invalid_explanation_is_refused(write_checkpoint, explain, message):
    with pytest.raises(InputError, match=message):
        load_predictor(write_checkpoint(), torch.device("cpu"), explain=explain)


def test_an_unknown_method_is_refused_by_name(write_checkpoint):
    file = write_checkpoint({"method": "bettercam"})
    with pytest.raises(InputError, match=r"best\.ckpt: explain\.method=bettercam"):
        load_predictor(file, torch.device("cpu"))


def test_the_verdict_on_heat_maps_is_loaded(write_checkpoint):
    passed = {"verdict": "passed", "reasons": ["Shown."], "figures": {}}
    predictor = load_predictor(write_checkpoint(explanation=passed), torch.device("cpu"))
    assert predictor.explanation == {"verdict": "passed", "reasons": ["Shown."]}
    assert predictor.mark is None
    failed = {"verdict": "failed", "reasons": ["Not shown."]}
    predictor = load_predictor(write_checkpoint(explanation=failed), torch.device("cpu"))
    assert "failed" in predictor.mark


def test_without_a_verdict_heat_maps_are_unchecked_and_unmarked(write_checkpoint):
    predictor = load_predictor(write_checkpoint(), torch.device("cpu"))
    assert predictor.explanation["verdict"] == "unchecked"
    assert predictor.mark is None


@pytest.mark.parametrize(
    "verdict", ["passed", {"verdict": "superb", "reasons": []}, {"verdict": "failed"}, {}]
)
def test_an_invalid_verdict_is_refused(write_checkpoint, verdict):
    with pytest.raises(InputError, match="verdict on heat-maps"):
        load_predictor(write_checkpoint(explanation=verdict), torch.device("cpu"))

"""What a checkpoint carries comes back, with and without a calibration."""

import pytest
import torch

from lungcam.errors import InputError
from lungcam.evaluation.predictor import load_predictor
from lungcam.nets import Small3D
from lungcam.training import Classifier
from lungcam.training.checkpoint import METADATA_KEY


@pytest.fixture
def written(tmp_path):
    """Function that writes a checkpoint with some metadata."""

    def write(explain=(), **metadata):
        config = {
            "model": {"_target_": "lungcam.nets.Small3D"},
            "transforms": {},
            "explain": {"layer": "conv3", **dict(explain)},
            "view": {"shape": [16, 16, 16]},
        }
        file = tmp_path / "best.ckpt"
        carried = {"config": config, "label_rule": "label 1: x", **metadata}
        torch.save({"state_dict": Classifier(Small3D()).state_dict(), METADATA_KEY: carried}, file)
        return file

    return write


def test_a_calibration_is_applied(written):
    file = written(threshold=0.3, calibration={"slope": 0.5, "intercept": -1.0, "rule": "Platt"})
    predictor = load_predictor(file, torch.device("cpu"))
    assert predictor.probability(2.0) == 0.5
    assert predictor.threshold == 0.3
    # an earlier checkpoint does not tell on how many it was fitted
    assert predictor.fitted_on is None


def test_a_calibration_tells_on_what_it_was_fitted(written):
    counts = {"n": 42, "n_positive": 20}
    file = written(calibration={"slope": 0.5, "intercept": -1.0, **counts, "rule": "Platt"})
    assert load_predictor(file, torch.device("cpu")).fitted_on == (42, 20)


def test_without_one_probabilities_are_the_nets_own(written):
    predictor = load_predictor(written(), torch.device("cpu"))
    assert predictor.calibration is None
    assert predictor.probability(0.0) == 0.5
    assert predictor.probability(2.0) == pytest.approx(0.880797, abs=1e-6)


@pytest.mark.parametrize(
    "calibration",
    [{"slope": -1.0, "intercept": 0.0}, {"slope": 1.0}, {"slope": "x", "intercept": 0}, "platt"],
)
def test_a_calibration_that_turns_ranks_is_refused(written, calibration):
    file = written(calibration=calibration)
    with pytest.raises(InputError, match="calibration"):
        load_predictor(file, torch.device("cpu"))


def explanation(predictor):
    return predictor.layer, predictor.method, predictor.evidence


def test_a_checkpoint_of_old_is_explained_by_grad_cam(written):
    predictor = load_predictor(written(), torch.device("cpu"))
    assert explanation(predictor) == ("net.conv3", "gradcam", "both")


def test_what_is_wanted_goes_before_what_is_carried(written):
    file = written({"method": "hirescam", "evidence": "for", "benchmark": True})
    assert explanation(load_predictor(file, torch.device("cpu"))) == (
        "net.conv3",
        "hirescam",
        "for",
    )
    wanted = {"layer": "conv2", "method": None, "evidence": "against", "erase": False}
    predictor = load_predictor(file, torch.device("cpu"), explain=wanted)
    assert explanation(predictor) == ("net.conv2", "hirescam", "against")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"layer": "conv9"}, "no such layer; some that it has: conv1, norm1, relu, pool1"),
        ({"layer": "fc1"}, "layer 'fc1' is not known"),
        ({"layer": ""}, "no such layer"),
        ({"method": "gradcan"}, "choose gradcam, gradcampp"),
        ({"evidence": "all"}, "choose both, for or against"),
    ],
)
def test_what_cannot_be_explained_is_refused(written, wanted, words):
    with pytest.raises(InputError, match=words):
        load_predictor(written(), torch.device("cpu"), explain=wanted)


def test_a_method_of_a_later_version_is_refused_by_name(written):
    file = written({"method": "bettercam"})
    with pytest.raises(InputError, match=r"best\.ckpt: explain\.method=bettercam"):
        load_predictor(file, torch.device("cpu"))


def test_the_verdict_on_heat_maps_comes_back(written):
    passed = {"verdict": "passed", "reasons": ["It is."], "figures": {}}
    predictor = load_predictor(written(explanation=passed), torch.device("cpu"))
    assert predictor.explanation == {"verdict": "passed", "reasons": ["It is."]}
    assert predictor.mark is None
    failed = {"verdict": "failed", "reasons": ["It is not."]}
    predictor = load_predictor(written(explanation=failed), torch.device("cpu"))
    assert "failed" in predictor.mark


def test_without_a_verdict_heat_maps_are_unchecked_and_not_marked(written):
    predictor = load_predictor(written(), torch.device("cpu"))
    assert predictor.explanation["verdict"] == "unchecked"
    assert predictor.mark is None


@pytest.mark.parametrize(
    "verdict", ["passed", {"verdict": "superb", "reasons": []}, {"verdict": "failed"}, {}]
)
def test_a_verdict_that_is_none_is_refused(written, verdict):
    with pytest.raises(InputError, match="verdict on heat-maps"):
        load_predictor(written(explanation=verdict), torch.device("cpu"))

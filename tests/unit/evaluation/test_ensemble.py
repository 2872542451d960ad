"""An ensemble: its rule, what the nets must share, and what the weakest decides."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import nn

from lungcam.errors import InputError
from lungcam.evaluation.ensemble import (
    CHEST_MIRRORS,
    CUBE_MIRRORS,
    FLIPS,
    Ensemble,
    load_ensemble,
    net_names,
)
from lungcam.evaluation.predictor import Predictor
from lungcam.explain import Explainer
from lungcam.explain.reliability import FAILED
from lungcam.grid import Grid
from lungcam.metrics import Calibration
from lungcam.nets import LogitNet, Small3D
from lungcam.tasks import Malignancy, Risk
from lungcam.training.checkpoint import METADATA_KEY
from lungcam.training.classifier import Classifier
from lungcam.transforms import LungComponents, NoduleView, pipeline

CALIBRATIONS = (Calibration(0.5, -1.0), Calibration(2.0, 0.25), Calibration(1.25, 0.5))
THRESHOLDS = (0.2, 0.3, 0.7)
CPU = torch.device("cpu")
VIEW = {"_target_": "lungcam.transforms.NoduleView"}
GRID = Grid((16, 16, 16), np.eye(4))


def make_net(seed: int, **changes) -> Predictor:
    torch.manual_seed(seed)
    net = Predictor(
        task=Malignancy(),
        fit={"threshold": THRESHOLDS[seed]},
        classifier=LogitNet(Small3D()).eval(),
        transforms=pipeline({"view": NoduleView((16, 16, 16))}),
        layer="net.conv3",
        method="gradcam",
        evidence="both",
        background=-1.0,
        label_rule="label 1: x",
        threshold=THRESHOLDS[seed],
        calibration=CALIBRATIONS[seed],
        fitted_on=None,
        sha256=str(seed) * 64,
        table={"columns": {"label": "label"}},
        pixels=frozenset({f"scan {seed}", "shared"}),
        explanation={"verdict": "passed", "reasons": ["It passed."]},
    )
    return replace(net, **changes)


@pytest.fixture(scope="module")
def nets() -> list[Predictor]:
    return [make_net(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def ensemble(nets) -> Ensemble:
    return Ensemble(nets=nets, names=["a", "b", "c"])


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.rand(1, 1, *GRID.shape, generator=torch.Generator().manual_seed(0))


def test_the_probability_is_that_of_the_mean_calibrated_logit(ensemble, nets, image):
    each = ensemble.logits(image)
    logit = float(ensemble.combine(each))
    with torch.no_grad():
        raw = [float(net.classifier(image)) for net in nets]
    assert np.allclose(each, raw, atol=1e-6)
    calibrated = [c.slope * z + c.intercept for c, z in zip(CALIBRATIONS, raw, strict=True)]
    assert ensemble.probability(logit) == pytest.approx(expit(np.mean(calibrated)), abs=1e-6)
    assert ensemble.threshold == pytest.approx(0.4)
    # metrics.json of a table calibrates the logits of its records in the same way
    assert ensemble.calibration.probability(logit) == ensemble.probability(logit)
    # the net for erasure and localisation gives the same logit
    with torch.no_grad():
        assert float(ensemble.classifier(image)) == pytest.approx(logit, abs=1e-6)


class CalibratedMean(nn.Module):
    """Mean of the nets' calibrated logits, through a layer that holds the maps of all."""

    def __init__(self, nets):
        super().__init__()
        self.nets = nn.ModuleList(net.classifier.net for net in nets)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to logits `(B,)`."""
        logits = zip(self.nets, CALIBRATIONS, strict=True)
        return sum(c.slope * net(image)[:, 0] + c.intercept for net, c in logits) / len(self.nets)


def test_the_map_is_that_of_the_mean_calibrated_logit(ensemble, nets, image):
    """Grad-CAM of the mean itself, at each net's layer, is a share of the ensemble's map."""
    net = CalibratedMean(nets).eval()
    shares = [
        Explainer(layer=f"nets.{number}.conv3")(net, image, GRID).values for number in range(3)
    ]
    heat = ensemble.explainer(ensemble.classifier, image, GRID)
    assert np.allclose(ensemble.calibration.slope * heat.values, np.sum(shares, 0), atol=1e-6)


def test_an_ensemble_of_one_is_its_net(nets, image):
    net = nets[0]
    ensemble = Ensemble(nets=[net])
    with torch.no_grad():
        logit = net.classifier.logits(image)[0].float().cpu().numpy()
    combined = ensemble.combine(ensemble.logits(image))
    assert combined.shape == logit.shape
    assert float(combined) == float(logit)
    heat = ensemble.explainer(ensemble.classifier, image, GRID)
    assert np.array_equal(heat.values, net.explainer(net.classifier, image, GRID).values)
    for name in ("threshold", "calibration", "explanation", "sha256", "table", "layer"):
        assert getattr(ensemble, name) == getattr(net, name), name
    assert ensemble.probability(1.7) == net.probability(1.7)
    assert ensemble.model == "Small3D"
    assert ensemble.weights == (1.0,)


def test_a_net_without_a_calibration_counts_as_it_is(nets):
    ensemble = Ensemble(nets=[nets[0], replace(nets[1], calibration=None)], names=["a", "b"])
    assert not ensemble.calibrated
    assert ensemble.calibration == Calibration(0.75, -0.5)
    assert ensemble.weights == pytest.approx((1 / 3, 2 / 3))


@pytest.mark.parametrize(
    ("verdicts", "weakest"),
    [
        (("passed", "passed", "passed"), "passed"),
        (("passed", "unchecked", "passed"), "unchecked"),
        (("unchecked", "failed", "passed"), "failed"),
    ],
)
def test_the_weakest_net_decides_on_the_heat_maps(nets, verdicts, weakest):
    judged = [
        replace(net, explanation={"verdict": verdict, "reasons": [f"It {verdict}."]})
        for net, verdict in zip(nets, verdicts, strict=True)
    ]
    ensemble = Ensemble(nets=judged, names=["a", "b", "c"])
    assert ensemble.explanation["verdict"] == weakest
    assert (ensemble.mark == FAILED) == (weakest == "failed")
    if weakest == "failed":
        assert ensemble.explanation["reasons"] == ["b: It failed."]


def test_a_scan_that_any_net_saw_was_seen(ensemble):
    assert all(ensemble.knows(f"scan {k}", None) for k in range(3))
    assert not ensemble.knows("another", None)


def test_the_hash_is_that_of_all_checkpoints(nets):
    hashes = {
        Ensemble(nets=list(chosen), names=["a", "b"]).sha256
        for chosen in (nets[:2], nets[1:], [nets[0], nets[2]])
    }
    assert len(hashes) == 3
    assert all(len(value) == 64 for value in hashes)


def test_mirror_images_follow_the_view(nets):
    assert Ensemble(nets=nets[:1]).mirrors == ((),)
    assert Ensemble(nets=nets[:1], tta=FLIPS).mirrors == CUBE_MIRRORS
    chest = replace(nets[0], transforms=pipeline({"lungs": LungComponents()}))
    assert Ensemble(nets=[chest], tta=FLIPS).mirrors == CHEST_MIRRORS


def test_tables_that_are_read_differently_are_refused(nets):
    other = replace(nets[1], table={"columns": {"label": "malignancy"}})
    with pytest.raises(InputError, match=r"^ckpt: a and b read the columns of a table differently"):
        _ = Ensemble(nets=[nets[0], other], names=["a", "b"]).table


# checkpoints


@pytest.fixture
def write_checkpoint(tmp_path):
    """Function that writes a checkpoint into a run folder of a name."""

    def write(name: str, *, seed: int = 0, config=(), **metadata) -> Path:
        torch.manual_seed(seed)
        config = {
            "model": {"_target_": "lungcam.nets.Small3D"},
            "transforms": {
                "view": {"_target_": "lungcam.transforms.NoduleView", "shape": [16] * 3}
            },
            "explain": {"layer": "conv3"},
            "view": {"shape": [16, 16, 16]},
            **dict(config),
        }
        file = tmp_path / name / "checkpoints" / "best.ckpt"
        file.parent.mkdir(parents=True)
        metadata = {"config": config, "label_rule": "label 1: x", **metadata}
        weights = Classifier(Small3D()).state_dict()
        if config.get("task") == Risk.name:
            weights = Risk().classifier(Small3D()).state_dict()
        torch.save({"state_dict": weights, METADATA_KEY: metadata}, file)
        return file

    return write


def test_nets_are_loaded_in_their_order(write_checkpoint):
    files = [write_checkpoint(f"fold_{seed}", seed=seed, threshold=0.25) for seed in range(2)]
    ensemble = load_ensemble(files, CPU, tta=FLIPS)
    assert ensemble.names == ["fold_0", "fold_1"]
    assert len(ensemble.mirrors) == 8
    assert ensemble.threshold == 0.25


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_rule": "label 1: y"}, "their labels differ ('label 1: x' and 'label 1: y')"),
        ({"config": {"task": "risk"}}, "they answer other questions (task=malignancy and"),
        (
            {"config": {"transforms": {"view": {**VIEW, "shape": [16, 16, 18]}}}},
            "they prepare a scan differently (view or transforms)",
        ),
        (
            {"config": {"explain": {"layer": "conv3", "method": "hirescam"}}},
            "their heat-maps differ in kind (gradcam and hirescam); choose explain.method= for all",
        ),
    ],
)
def test_nets_that_do_not_fit_are_refused_by_name(write_checkpoint, changes, message):
    files = [
        write_checkpoint("a"),
        write_checkpoint("b", seed=1),
        write_checkpoint("c", seed=2, **changes),
    ]
    with pytest.raises(InputError) as refusal:
        load_ensemble(files, CPU)
    text = str(refusal.value)
    assert text.startswith(f"{files[0]} and {files[2]}: ")
    assert message in text
    assert "\n" not in text


def test_one_method_for_all_is_a_remedy(write_checkpoint):
    other = {"explain": {"layer": "conv2", "method": "hirescam"}}
    files = [write_checkpoint("a"), write_checkpoint("b", seed=1, config=other)]
    ensemble = load_ensemble(files, CPU, explain={"method": "layercam"})
    assert (ensemble.method, ensemble.layer) == ("layercam", "net.conv3, conv2")


def test_the_same_net_twice_is_refused(write_checkpoint):
    files = [write_checkpoint("a"), write_checkpoint("b", seed=1), write_checkpoint("copy")]
    files[2].write_bytes(files[1].read_bytes())
    with pytest.raises(InputError, match=r"the same net twice; name each once in ckpt=\.") as text:
        load_ensemble(files, CPU)
    assert str(text.value).startswith(f"{files[1]} and {files[2]}: ")


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["cv/fold_0/checkpoints/best.ckpt", "cv/fold_1/checkpoints/best.ckpt"], "fold_0 fold_1"),
        (["x/fold_0/checkpoints/best.ckpt", "y/fold_0/checkpoints/best.ckpt"], "x/fold_0 y/fold_0"),
        (["a.ckpt", "b.ckpt"], "a b"),
        (["run/checkpoints/best.ckpt", "run/checkpoints/last.ckpt"], "1 2"),
    ],
)
def test_nets_are_named_after_their_folders(files, names):
    assert net_names([Path(file) for file in files]) == names.split()

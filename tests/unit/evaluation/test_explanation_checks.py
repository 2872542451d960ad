"""A net that knows passes; one of random weights and one that learnt nothing fail."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from lungcam.cohorts import Sample
from lungcam.data import PreparedDataset
from lungcam.data.cache_entry import write_entry
from lungcam.evaluation.explanation_checks import judge_explanations
from lungcam.explain import Explainer
from lungcam.explain.sanity_checks import untrained_net
from lungcam.metrics import auc, auc_interval

SHAPE, SPACING = (20, 16, 18), 5.0


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Noise with spikes, and with a blob in the positives, at a known place."""
    folder, generator = tmp_path_factory.mktemp("prepared"), np.random.default_rng(0)
    affine = np.diag([-SPACING, SPACING, SPACING, 1.0])
    lungs = np.zeros(SHAPE, bool)
    lungs[2:-2, 2:-2, 2:-2] = True
    samples, files = [], {}
    for number in range(32):
        name, label = f"s{number}", number % 2
        shown = generator.normal(0, 0.3, SHAPE).astype(np.float32)
        # bright single voxels, which any net that has learnt nothing points at
        shown[tuple(generator.integers(2, 14, (3, 4)))] = 12
        cell = generator.integers(5, 11, 3)
        if label:
            at = np.stack(np.indices(SHAPE), axis=-1) - cell
            shown += 4 * np.exp(-(at**2).sum(-1) / 4).astype(np.float32)
        center = tuple((affine @ [*cell, 1.0])[:3])
        known = {"center_mm": center, "diameter_mm": 15.0} if label else {}
        samples.append(
            Sample(
                sample_id=name, patient_id=name, image=folder, label=label, label_source="", **known
            )
        )
        files[name] = folder / f"{name}.prepared"
        facts = {"affine": affine.tolist(), "quality": {}, "findings": []}
        write_entry(files[name], facts, arrays={"input": shown, "lungs": lungs})
    return PreparedDataset(samples, files, transforms=None)


EXPLAINER = Explainer(layer="3", method="gradcam", background=-1.0)


def knowing():
    """Looks for bright places, by hand: the mean of a neighbourhood, and the highest of all."""
    net = nn.Sequential(
        nn.Conv3d(1, 2, 3, padding=1),
        nn.ReLU(),
        nn.Conv3d(2, 2, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveMaxPool3d(1),
        nn.Flatten(),
        nn.Linear(2, 1),
    )
    with torch.no_grad():
        net[0].weight.fill_(1 / 27)
        net[0].bias.fill_(-0.5)
        net[2].weight.fill_(1 / 54)
        net[2].bias.fill_(0)
        net[6].weight.fill_(2)
        net[6].bias.fill_(-1)
    return net.eval()


def verdict(net, dataset, file, labels=None):
    with torch.no_grad():
        logits = np.array([float(net(dataset[i]["input"])) for i in range(len(dataset))])
    labels = np.array([one.label for one in dataset.samples]) if labels is None else labels
    bounds = auc_interval(labels, logits, patients=np.arange(len(labels)))
    return judge_explanations(
        net, dataset, explainer=EXPLAINER, auc=[auc(labels, logits), *bounds], file=file, limit=12
    )


def test_a_net_that_knows_passes_and_is_left_as_it_was(dataset, tmp_path):
    net = knowing()
    before = {name: one.numpy().tobytes() for name, one in net.state_dict().items()}
    state = torch.get_rng_state()
    found = verdict(net, dataset, tmp_path / "explanation.json")
    assert found["verdict"] == "passed", found["reasons"]
    assert found["figures"]["n"] == found["figures"]["lesions"] == 12
    assert found["figures"]["hits"] == 1
    assert {name: one.numpy().tobytes() for name, one in net.state_dict().items()} == before
    assert torch.equal(torch.get_rng_state(), state)
    # the file holds the same, and no NaN
    told = json.loads((tmp_path / "explanation.json").read_text(), parse_constant=pytest.fail)
    assert told == found
    assert [one["down_to"] for one in told["figures"]["cascade"]] == ["6", "2", "0"]


@pytest.mark.parametrize("seed", [11, 12])
def test_a_net_of_random_weights_fails(dataset, tmp_path, seed):
    net = untrained_net(knowing(), dataset[0]["input"], seed=seed)
    found = verdict(net, dataset, tmp_path / "explanation.json")
    assert found["verdict"] == "failed"
    assert found["criteria"]["finds_lesions"] is False


def test_maps_of_a_net_that_answers_at_random_fail_though_they_find_bright_places(
    dataset, tmp_path
):
    shuffled = np.random.default_rng(1).permutation([one.label for one in dataset.samples])
    found = verdict(knowing(), dataset, tmp_path / "explanation.json", shuffled)
    assert found["verdict"] == "failed"
    assert [one for one, met in found["criteria"].items() if not met] == ["discriminates"]


def test_another_seeds_net_is_compared(dataset, tmp_path):
    figures = judge_explanations(
        knowing(),
        dataset,
        explainer=EXPLAINER,
        auc=[1, 0.9, 1],
        file=tmp_path / "e.json",
        others=[knowing()],
        limit=4,
    )["figures"]
    assert figures["seeds"] == [{"spearman": pytest.approx(1), "peak_mm": 0}]

"""A net that finds lesions passes; nets with random weights or random labels fail."""

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
    """Noise with spikes; positives have a blob in a known place."""
    folder, generator = tmp_path_factory.mktemp("prepared"), np.random.default_rng(0)
    affine = np.diag([-SPACING, SPACING, SPACING, 1.0])
    lungs = np.zeros(SHAPE, bool)
    lungs[2:-2, 2:-2, 2:-2] = True
    samples, files = [], {}
    for number in range(32):
        name, label = f"s{number}", number % 2
        image = generator.normal(0, 0.3, SHAPE).astype(np.float32)
        # bright single voxels attract the maps of untrained nets
        image[tuple(generator.integers(2, 14, (3, 4)))] = 12
        cell = generator.integers(5, 11, 3)
        if label:
            offset = np.stack(np.indices(SHAPE), axis=-1) - cell
            image += 4 * np.exp(-(offset**2).sum(-1) / 4).astype(np.float32)
        center = tuple((affine @ [*cell, 1.0])[:3])
        lesion = {"center_mm": center, "diameter_mm": 15.0} if label else {}
        samples.append(
            Sample(
                sample_id=name,
                patient_id=name,
                image=folder,
                label=label,
                label_source="",
                **lesion,
            )
        )
        files[name] = folder / f"{name}.prepared"
        facts = {"affine": affine.tolist(), "quality": {}, "findings": []}
        write_entry(files[name], facts, arrays={"input": image, "lungs": lungs})
    return PreparedDataset(samples, files, transforms=None)


EXPLAINER = Explainer(layer="3", method="gradcam", background=-1.0)


def make_blob_net():
    """Net with weights set by hand: the highest mean of a neighbourhood."""
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


def judge(net, dataset, file, labels=None):
    with torch.no_grad():
        logits = np.array([float(net(dataset[i]["input"])) for i in range(len(dataset))])
    if labels is None:
        labels = np.array([sample.label for sample in dataset.samples])
    bounds = auc_interval(labels, logits, patients=np.arange(len(labels)))
    return judge_explanations(
        net, dataset, explainer=EXPLAINER, auc=[auc(labels, logits), *bounds], file=file, limit=12
    )


def test_a_net_that_finds_lesions_passes_and_is_not_changed(dataset, tmp_path):
    net = make_blob_net()
    before = {name: tensor.numpy().tobytes() for name, tensor in net.state_dict().items()}
    state = torch.get_rng_state()
    verdict = judge(net, dataset, tmp_path / "explanation.json")
    assert verdict["verdict"] == "passed", verdict["reasons"]
    assert verdict["figures"]["n"] == verdict["figures"]["lesions"] == 12
    assert verdict["figures"]["hits"] == 1
    assert {name: tensor.numpy().tobytes() for name, tensor in net.state_dict().items()} == before
    assert torch.equal(torch.get_rng_state(), state)
    # the file is equal, and has no NaN
    record = json.loads((tmp_path / "explanation.json").read_text(), parse_constant=pytest.fail)
    assert record == verdict
    assert [stage["down_to"] for stage in record["figures"]["cascade"]] == ["6", "2", "0"]


@pytest.mark.parametrize("seed", [11, 12])
def test_a_net_with_random_weights_fails(dataset, tmp_path, seed):
    net = untrained_net(make_blob_net(), dataset[0]["input"], seed=seed)
    verdict = judge(net, dataset, tmp_path / "explanation.json")
    assert verdict["verdict"] == "failed"
    assert verdict["criteria"]["finds_lesions"] is False


def test_maps_of_a_net_with_random_labels_fail_although_they_find_bright_places(dataset, tmp_path):
    shuffled = np.random.default_rng(1).permutation([sample.label for sample in dataset.samples])
    verdict = judge(make_blob_net(), dataset, tmp_path / "explanation.json", shuffled)
    assert verdict["verdict"] == "failed"
    assert [name for name, met in verdict["criteria"].items() if not met] == ["discriminates"]


def test_a_net_of_another_seed_is_compared(dataset, tmp_path):
    figures = judge_explanations(
        make_blob_net(),
        dataset,
        explainer=EXPLAINER,
        auc=[1, 0.9, 1],
        file=tmp_path / "e.json",
        others=[make_blob_net()],
        limit=4,
    )["figures"]
    assert figures["seeds"] == [{"spearman": pytest.approx(1), "peak_mm": 0}]

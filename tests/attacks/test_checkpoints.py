"""Checkpoints of strangers: wrong types, weights that are none, nets that fill the memory."""

import copy

import pytest
import torch

from lungcam.nets import Small3D
from lungcam.training.checkpoint import METADATA_KEY
from lungcam.training.classifier import Classifier

from .conftest import refused

GOOD = {
    "config": {
        "task": "malignancy",
        "model": {"_target_": "lungcam.nets.Small3D"},
        "transforms": {"hu": {"_target_": "lungcam.transforms.HUWindow", "low": -1000}},
        "explain": {"layer": "conv3", "method": "gradcam", "evidence": "both"},
        "view": {"shape": [16, 16, 16], "spacing_mm": [1.0, 1.0, 1.0]},
        "table": {"columns": {"label": "label"}, "coordinates": "LPS"},
    },
    "label_rule": "label 1: x",
    "threshold": 0.5,
    "calibration": {"slope": 1.0, "intercept": 0.0, "n": 4, "n_positive": 2},
    "pixels": ["00"],
    "plugins": {},
    "explanation": {"verdict": "passed", "reasons": ["It is."]},
}
DEEP: list = []
for _ in range(60):
    DEEP = [DEEP]
WRONG = (7, -1.5, float("nan"), True, "x", [], [7], {}, {"a": 7}, {7: "a"}, DEEP, torch.zeros(2))
# paths, and the values of `WRONG` that are right there
FIELDS = {
    "config": (),
    "config.task": (),
    "config.model": (),
    "config.model._target_": (),
    "config.transforms": ({},),
    "config.transforms.hu": (),
    "config.transforms.hu._target_": (),
    "config.transforms.hu.low": (7, -1.5, True),
    "config.explain": (),
    "config.explain.layer": ("x",),
    "config.explain.method": (),
    "config.explain.evidence": (),
    "config.view": ({}, {"a": 7}),
    "config.view.shape": (),
    "config.view.spacing_mm": (7,),
    "config.table": ({},),
    "config.table.columns": ({},),
    "config.table.coordinates": ("x",),
    "label_rule": ("x",),
    "threshold": (),
    "calibration": (),
    "calibration.slope": (7,),
    "calibration.intercept": (7, -1.5),
    "calibration.n": (7,),
    "pixels": ([],),
    "plugins": ({}, {"a": 7}),
    "explanation": (),
    "explanation.verdict": (),
    "explanation.reasons": ([],),
}


def save(file, metadata=GOOD, **changes) -> None:
    weights = Classifier(Small3D()).state_dict() | changes
    torch.save({"state_dict": weights, METADATA_KEY: metadata}, file)


def changed(path: str, value: object) -> dict:
    metadata = copy.deepcopy(GOOD)
    *parents, key = path.split(".")
    node = metadata
    for parent in parents:
        node = node[parent]
    node[key] = value
    return metadata


def test_the_good_checkpoint_is_loaded(tmp_path, loaded):
    save(tmp_path / "good.ckpt")
    answer = loaded(tmp_path / "good.ckpt")
    assert answer["usable"], answer


def is_right(value: object, right: tuple) -> bool:
    return any(type(value) is type(other) and value == other for other in right)


@pytest.mark.parametrize("path", FIELDS)
def test_a_value_of_another_type_is_refused(tmp_path, loaded, path):
    for number, value in enumerate(WRONG):
        if is_right(value, FIELDS[path]):
            continue
        file = tmp_path / f"{number}.ckpt"
        save(file, changed(path, value))
        answer = loaded(file)
        assert not answer.get("crash"), (path, value, answer)
        # a value that is none of ours may be one that nothing reads
        assert not answer["usable"], (path, value)
        refused(answer, file)


WEIGHTS = {
    "not finite": torch.full((1,), float("nan")),
    "infinite": torch.full((1,), float("inf")),
    "whole numbers": torch.zeros(1, dtype=torch.int64),
    "complex": torch.zeros(1, dtype=torch.complex64),
    "booleans": torch.zeros(1, dtype=torch.bool),
    "another shape": torch.zeros(2),
    "one number for many": torch.zeros(1).expand(1 << 20, 1 << 20),
    "sparse": torch.zeros(1).to_sparse(),
    "without values": torch.zeros(1, device="meta"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_that_are_none_are_refused(tmp_path, loaded, case):
    weights = Classifier(Small3D()).state_dict()
    bias = next(name for name, tensor in weights.items() if tensor.shape == (1,))
    save(tmp_path / "a.ckpt", **{bias: WEIGHTS[case]})
    refused(loaded(tmp_path / "a.ckpt"), tmp_path / "a.ckpt")


@pytest.mark.parametrize("case", ["more", "fewer", "none"])
def test_other_weights_than_those_of_the_net_are_refused(tmp_path, loaded, case):
    weights = dict(Classifier(Small3D()).state_dict())
    if case == "more":
        weights["net.another"] = torch.zeros(3)
    elif case == "fewer":
        del weights[next(iter(weights))]
    else:
        weights = {}
    torch.save({"state_dict": weights, METADATA_KEY: GOOD}, tmp_path / "a.ckpt")
    refused(loaded(tmp_path / "a.ckpt"), tmp_path / "a.ckpt")


MONAI = "monai.networks.nets."
MODELS = {
    "wide linear": {"_target_": "torch.nn.Linear", "in_features": 90_000, "out_features": 90_000},
    "embedding": {
        "_target_": "torch.nn.Embedding", "num_embeddings": 99_000, "embedding_dim": 99_000,
    },
    "wide convolution": {
        "_target_": "torch.nn.Conv3d", "in_channels": 5000, "out_channels": 5000, "kernel_size": 9,
    },
    "huge numbers": {"_target_": "torch.nn.Linear", "in_features": 10**18, "out_features": 1},
    "many layers": {
        "_target_": "torch.nn.Transformer", "d_model": 8, "nhead": 1, "num_encoder_layers": 90_000,
    },
    "resnet": {
        "_target_": MONAI + "resnet10", "spatial_dims": 3, "n_input_channels": 99_000,
        "num_classes": 1,
    },
    "densenet": {
        "_target_": MONAI + "DenseNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 1,
        "block_config": [5000, 5000],
    },
    "transformer": {
        "_target_": MONAI + "ViT", "in_channels": 1, "img_size": [9000, 9000, 9000],
        "patch_size": [1, 1, 1], "classification": True, "num_classes": 1,
    },
    "nothing of that name": {"_target_": MONAI + "NoNet"},
    "settings of other types": {"_target_": MONAI + "DenseNet121", "spatial_dims": "x"},
    "a class that is no net": {"_target_": "torch.nn.ParameterList"},
    "weights elsewhere": {
        "_target_": MONAI + "SENet154", "spatial_dims": 3, "in_channels": 1, "num_classes": 1,
        "pretrained": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("case", MODELS)
def test_a_net_that_is_larger_than_its_weights_or_none_is_refused(tmp_path, loaded, case):
    save(tmp_path / "a.ckpt", changed("config.model", MODELS[case]))
    refused(loaded(tmp_path / "a.ckpt"), tmp_path / "a.ckpt")

"""State dicts and checkpoints that name the last layer `judge` are loaded."""

import copy

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from lungcam.nets import LungNet, NoduleNet, Small3D, add_hazards
from lungcam.training.classifier import Classifier
from lungcam.training.trainer import _silence_advice

SHAPE = (8, 8, 8)


def nets() -> dict[str, nn.Module]:
    return {
        "nodule": NoduleNet(shape=SHAPE, attributes=("size",), width=2, hidden=4),
        "lungs": LungNet(SHAPE, width=2, hidden=4),
        "risk": add_hazards(LungNet(SHAPE, width=2, hidden=4), 3),
    }


def make(name: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    net = nets()[name].eval()
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    return net


def earlier(state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the layers of a state dict back to the names of version 0.1."""
    renamed = {key.replace("classifier.", "judge."): value for key, value in state_dict.items()}
    assert renamed.keys() != state_dict.keys()
    return renamed


@pytest.mark.parametrize("name", nets())
def test_a_state_dict_of_a_net_with_earlier_names_is_loaded(name):
    before, after = make(name, seed=0), make(name, seed=1)
    weights = earlier(before.state_dict())
    keys = list(weights)
    after.load_state_dict(weights)
    assert list(weights) == keys
    for key, value in before.state_dict().items():
        assert torch.equal(after.state_dict()[key], value), key
    image = torch.randn(2, 1, *SHAPE)
    assert torch.equal(after(image), before(image))
    copy.deepcopy(after).load_state_dict(weights)


@pytest.mark.parametrize("name", nets())
def test_a_state_dict_of_a_lightning_module_with_earlier_names_is_loaded(name):
    before, after = Classifier(make(name, seed=0)), Classifier(make(name, seed=1))
    weights = earlier(before.state_dict())
    assert any(key.startswith("net.judge.") for key in weights)
    after.load_state_dict(weights)
    for key, value in before.state_dict().items():
        assert torch.equal(after.state_dict()[key], value), key


@pytest.mark.parametrize("name", nets())
def test_a_state_dict_of_today_is_loaded_and_a_wrong_one_refused(name):
    before, after = make(name, seed=0), make(name, seed=1)
    weights = before.state_dict()
    after.load_state_dict(weights)
    for key, value in weights.items():
        assert torch.equal(after.state_dict()[key], value), key
    with pytest.raises(RuntimeError, match=r"Unexpected key\(s\) in state_dict: \"other.judge"):
        after.load_state_dict(weights | {"other.judge.bias": torch.zeros(1)})
    with pytest.raises(RuntimeError, match="Missing key"):
        after.load_state_dict({k: v for k, v in weights.items() if "classifier" not in k})


def test_other_nets_take_no_earlier_names():
    with pytest.raises(RuntimeError, match=r"judge\.bias"):
        Small3D().load_state_dict(Small3D().state_dict() | {"judge.bias": torch.zeros(1)})


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        (
            "nodule",
            "stem fine middle coarse from_fine from_middle from_coarse joined sketch outline "
            "describe classifier",
        ),
        ("lungs", "fine coarse location hidden classifier"),
    ],
)
def test_parameters_keep_their_order_by_which_optimizer_states_are_stored(name, layers):
    names = [key.partition(".")[0] for key, _ in nets()[name].named_parameters()]
    assert list(dict.fromkeys(names)) == layers.split()


class Batches(pl.LightningDataModule):
    """Two batches of noise, the same in every epoch."""

    def train_dataloader(self) -> DataLoader:
        generator = torch.Generator().manual_seed(3)
        images = torch.rand(2, 4, 1, *SHAPE, generator=generator) * 2 - 1
        batches = [{"input": image, "label": torch.tensor([0, 1, 0, 1])} for image in images]
        return DataLoader(batches, batch_size=None, generator=torch.Generator())

    def val_dataloader(self) -> DataLoader:
        return self.train_dataloader()


def train(folder, epochs: int, resume=None) -> nn.Module:
    """Train `model=nodule`, from a checkpoint if there is one, and save last.ckpt."""
    _silence_advice()
    torch.manual_seed(0)
    net = NoduleNet(shape=SHAPE, width=2)
    classifier = Classifier(net, optimizer=lambda p: torch.optim.AdamW(p, lr=0.01))
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(classifier, datamodule=Batches(), ckpt_path=resume)
    trainer.save_checkpoint(folder / "last.ckpt")
    return net


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")
def test_a_training_is_resumed_from_a_checkpoint_with_earlier_names(tmp_path):
    whole = train(tmp_path, 3)
    half = train(tmp_path, 1)
    file = tmp_path / "last.ckpt"
    checkpoint = torch.load(file, weights_only=True)
    checkpoint["state_dict"] = earlier(checkpoint["state_dict"])
    torch.save(checkpoint, file)
    resumed = train(tmp_path, 3, resume=file)
    assert not torch.equal(half.classifier.weight, whole.classifier.weight)
    for key, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[key], value), key

"""Batch normalisation folded into convolutions, against the net as it is."""

import pytest
import torch
from torch import nn

from lungcam.explain import features
from lungcam.nets import LungNet, NoduleNet, fold_batch_norms

SHAPE = (16, 24, 8)


def trained(net: nn.Module) -> nn.Module:
    """Give a net's normalisations statistics, scales and shifts, as training does."""
    generator = torch.Generator().manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm3d):
            for values, low in (
                (module.running_mean, -1),
                (module.running_var, 0.5),
                (module.weight.data, 0.5),
                (module.bias.data, -1),
            ):
                values.copy_(low + torch.rand(len(values), generator=generator) * 2)
    if isinstance(net, NoduleNet):
        nn.init.normal_(net.classifier.weight, generator=generator)
    return net.eval()


def norms(net: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm3d) for module in net.modules())


def image() -> torch.Tensor:
    return torch.rand(2, 1, *SHAPE, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize(
    ("net", "layer", "left"),
    [
        # the normalisation of `joined` follows a sum of three convolutions
        (NoduleNet(shape=SHAPE, width=4, attributes=["diameter_mm"]), "joined", 1),
        (LungNet(SHAPE, width=4), "joined", 0),
    ],
)
def test_logits_features_and_gradients_stay(net, layer, left):
    trained(net)
    before = {name: values.clone() for name, values in net.state_dict().items()}
    folded = fold_batch_norms(net)
    assert norms(folded) == left < norms(net)
    plain, fused = (features(n, image(), layer=layer) for n in (net, folded))
    for name in ("logit", "values", "gradient"):
        exact, close = getattr(plain, name), getattr(fused, name)
        assert exact.abs().max() > 0
        assert torch.allclose(close, exact, atol=1e-5 * float(exact.abs().max())), name
    assert all(torch.equal(values, before[name]) for name, values in net.state_dict().items())


def test_a_convolution_is_kept_where_its_output_is_needed():
    net = trained(NoduleNet(shape=SHAPE, width=4))
    layer = "fine.1.0"
    expected = features(net, image(), layer=layer).values
    kept = features(fold_batch_norms(net, keep=layer), image(), layer=layer).values
    assert torch.allclose(kept, expected, atol=1e-5)
    lost = features(fold_batch_norms(net), image(), layer=layer).values
    assert not torch.allclose(lost, expected, atol=0.1)


class Backwards(nn.Sequential):
    """Block that runs its layers in another order than it lists them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the last layer first."""
        for layer in reversed(self):
            x = layer(x)
        return x


def test_blocks_of_another_order_are_left_alone():
    net = trained(nn.Sequential(Backwards(nn.Conv3d(1, 1, 3, padding=1), nn.BatchNorm3d(1))))
    assert norms(fold_batch_norms(net)) == 1
    assert torch.equal(fold_batch_norms(net)(image()), net(image()))


def test_a_net_in_training_is_folded_as_it_predicts():
    net = trained(nn.Sequential(nn.Conv3d(1, 2, 3), nn.BatchNorm3d(2))).train()
    folded = fold_batch_norms(net)
    assert net.training
    assert torch.allclose(folded(image()), net.eval()(image()), atol=1e-5)


def test_normalisations_without_statistics_are_left_alone():
    net = nn.Sequential(nn.Conv3d(1, 2, 3), nn.BatchNorm3d(2, track_running_stats=False)).eval()
    assert torch.equal(fold_batch_norms(net)(image()), net(image()))

"""The nodule net's outputs and training, and its measures against boxes and balls by hand."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lungcam.nets import NoduleNet, attribute_loss, outline_loss
from lungcam.nets.nodule_net import MEASURES, _spread, measure

SHAPE = (16, 24, 8)
NAMES = ("diameter_mm", "calcification")


def make_net(**settings) -> NoduleNet:
    torch.manual_seed(0)
    return NoduleNet(**{"shape": SHAPE, "attributes": NAMES, "width": 4, "hidden": 6} | settings)


def images(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 1, *SHAPE, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_shapes_of_the_output():
    net = make_net().eval()
    output = net.read(images(3))
    assert output.logit.shape == (3, 1)
    assert output.outline.shape == (3, 1, *SHAPE)
    assert output.attributes.shape == (3, 2)
    assert torch.equal(net(images(3)), output.logit)


@pytest.mark.parametrize("axes", [(2,), (3,), (4,), (2, 3, 4)])
def test_a_mirrored_image_has_an_outline_of_the_same_shape_and_size(axes):
    net = make_net().eval()
    output, mirrored = net.read(images()), net.read(images().flip(axes))
    assert output.outline.shape == mirrored.outline.shape
    # before training the outlined volume depends little on the direction
    volumes = [o.outline.sigmoid().sum((1, 2, 3, 4)) for o in (output, mirrored)]
    assert torch.allclose(*volumes, rtol=0.1)


def test_the_logit_is_a_linear_function_of_measures():
    net = make_net(window_hu=(-900, 300)).eval()
    torch.nn.init.normal_(net.classifier.weight)
    with torch.no_grad():
        output = net.read(images())
        hu = -900 + (images() + 1) / 2 * 1200
        # the outline is four times as sharp where it is measured
        measures = measure((4 * output.outline).sigmoid(), hu)
        expected = measures @ net.classifier.weight.T + net.classifier.bias
    assert measures.shape[1] == len(MEASURES)
    assert torch.allclose(output.logit, expected, rtol=1e-4, atol=1e-5)


def test_initial_logits_are_equal():
    logits = make_net().eval()(images(4))
    assert torch.equal(logits, logits[:1].expand_as(logits))


def test_the_window_is_the_scale_of_the_input_alone():
    hu = images() * 500
    wide, narrow = (make_net(window_hu=(-end, end)).eval() for end in (1000, 500))
    output, same = wide.read(hu / 1000), narrow.read(hu / 500)
    assert torch.allclose(output.outline, same.outline, atol=1e-4)
    assert torch.allclose(output.attributes, same.attributes, atol=1e-4)


def without_gradient(net: NoduleNet) -> set[str]:
    return {name.partition(".")[0] for name, p in net.named_parameters() if p.grad is None}


def test_the_outlines_loss_reaches_all_but_the_attributes_and_the_classifier():
    net = make_net()
    lesion = (images() > 0.5).float()
    outline_loss(net.read(images()).outline, lesion).backward()
    assert without_gradient(net) == {"describe", "classifier"}


def test_the_label_reaches_the_outline_through_the_measures():
    net = make_net(dropout=0.0)
    torch.nn.init.normal_(net.classifier.weight)
    net(images()).sum().backward()
    assert without_gradient(net) == {"describe"}
    assert net.outline[-1].weight.grad.any()
    assert net.stem[0].weight.grad.any()


def test_an_unknown_attribute_has_no_gradient():
    net = make_net(dropout=0.0)
    target = torch.tensor([[0.3, float("nan")], [-1.0, float("nan")]])
    attribute_loss(net.read(images()).attributes, target).backward()
    gradient = net.describe[-1].weight.grad
    assert gradient[0].any()
    assert not gradient[1].any()


def test_without_attributes_it_learns_from_labels_alone():
    net = make_net(attributes=())
    torch.nn.init.normal_(net.classifier.weight)
    net(images()).sum().backward()
    assert without_gradient(net) == set()


def test_an_outline_is_learnt():
    """A ball brighter than its surroundings is outlined after a few steps."""
    generator = torch.Generator().manual_seed(0)
    net = make_net(shape=(16, 16, 16))
    places = torch.stack(torch.meshgrid(*[torch.arange(16.0)] * 3, indexing="ij"))
    middles = 6 + 4 * torch.rand(4, 3, 1, 1, 1, generator=generator)
    lesion = ((places - middles).norm(dim=1, keepdim=True) < 4).float()
    image = 0.9 * lesion - 0.8 + 0.1 * torch.randn(lesion.shape, generator=generator)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.02)
    for _ in range(24):
        optimizer.zero_grad()
        outline_loss(net.read(image).outline, lesion).backward()
        optimizer.step()
    outlined = net.read(image).outline > 0
    both = (outlined & lesion.bool()).sum()
    assert 2 * both / (outlined.sum() + lesion.sum()) > 0.9


def test_the_state_dict_is_the_same_for_every_shape_and_has_no_constants():
    names = set(make_net().state_dict())
    assert not names & {"windows", "distance"}
    larger = make_net(shape=(32, 32, 32))
    assert {k: v.shape for k, v in larger.state_dict().items()} == {
        k: v.shape for k, v in make_net().state_dict().items()
    }


def test_channels_of_a_cell_become_its_voxels():
    cells = torch.arange(2 * 16 * 2 * 3 * 2).reshape(2, 16, 2, 3, 2)
    voxels = _spread(cells)
    assert voxels.shape == (2, 2, 4, 6, 4)
    for b, c, w, h, d in itertools.product(*map(range, voxels.shape)):
        part = (w % 2) * 4 + (h % 2) * 2 + d % 2
        assert voxels[b, c, w, h, d] == cells[b, 8 * c + part, w // 2, h // 2, d // 2]


@pytest.mark.parametrize("shape", [(32, 32, 20), (12, 16, 16)])
def test_a_shape_that_cannot_be_halved_thrice_is_refused(shape):
    with pytest.raises(ValueError, match=r"model\.shape=\[.*\]: give multiples of 8\."):
        NoduleNet(shape=shape)


SIDE = 24


def measured(within: np.ndarray, hu: np.ndarray) -> dict[str, float]:
    images = (torch.from_numpy(np.asarray(a, np.float64))[None, None] for a in (within, hu))
    (values,) = measure(*images)
    return dict(zip(MEASURES, values.tolist(), strict=True))


def box(*sides: int) -> np.ndarray:
    within = np.zeros((SIDE, SIDE, SIDE))
    within[tuple(slice(3, 3 + side) for side in sides)] = 1
    return within


def ball(radius: float) -> np.ndarray:
    axes = np.indices((SIDE, SIDE, SIDE)) - (SIDE - 1) / 2
    return (np.sqrt((axes**2).sum(0)) <= radius).astype(float)


def test_a_box_of_one_density_by_hand():
    values = measured(box(4, 6, 10), np.full((SIDE,) * 3, 150.0))
    # 240 voxels and one more, so that an empty outline can be measured too
    size = (math.log(241) - 5.5) / 1.3
    mean = 0.5 * 240 / 241
    # 150 HU are 50 below the next threshold, which is soft
    below = 240 / (1 + math.exp(50 / 30))
    above = [240 / (1 + math.exp(-(150 - t) / 30)) for t in (-600, -300, 0, 100)]
    volumes = [*above, below, 240 / (1 + math.exp(5)), 240 / (1 + math.exp(350 / 30))]
    expected = {
        "volume": size,
        "density": mean,
        "spread": math.sqrt((240 * (0.5 - mean) ** 2) / 241 + 0.01),
        "volume_by_density": size * mean,
        # the third axis runs from foot to head
        "area": math.log(4 * 6 + 1) - 4,
    } | {
        f"above_{t}": (math.log(voxels + 1) - middle) / 1.5
        for t, voxels, middle in zip(
            (-600, -300, 0, 100, 200, 300, 500),
            volumes,
            (5.0, 4.5, 4.0, 2.5, 1.0, 0.7, 0.5),
            strict=True,
        )
    }
    assert values == pytest.approx(expected, abs=1e-6)


def test_voxels_outside_the_outline_are_not_measured():
    within = ball(6)
    hu = np.where(within > 0, 40.0, -900.0)
    assert measured(within, hu) == pytest.approx(measured(within, np.full_like(hu, 40.0)))


def test_the_volume_of_a_ball():
    values = measured(ball(9), np.zeros((SIDE,) * 3))
    voxels = math.exp(values["volume"] * 1.3 + 5.5)
    assert voxels == pytest.approx(4 / 3 * math.pi * 9**3, rel=0.02)


def test_calcium_in_one_corner_counts_and_spreads():
    within, hu = box(10, 10, 10), np.zeros((SIDE,) * 3)
    hu[3:13, 3:13, 3] = 900
    values = measured(within, hu)
    # a tenth of the voxels at thrice the unit
    assert values["density"] == pytest.approx(0.3 * 1000 / 1001)
    assert values["spread"] == pytest.approx(math.sqrt(0.1 * 9 - 0.09 + 0.01), rel=2e-3)
    for t, middle in ((300, 0.7), (500, 0.5)):
        voxels = math.exp(values[f"above_{t}"] * 1.5 + middle) - 1
        assert voxels == pytest.approx(100, rel=0.01)
    # voxels on a threshold count by half
    voxels = math.exp(values["above_0"] * 1.5 + 4) - 1
    assert voxels == pytest.approx(100 + 900 / 2, rel=1e-3)


@given(
    st.integers(0, 2**32 - 1),
    # seen from above, a nodule on its side has another area
    st.sampled_from([(0, 1, 2), (1, 0, 2)]),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_turning_and_mirroring_change_no_measure(seed, order, backwards):
    generator = np.random.default_rng(seed)
    within, hu = generator.random((5, 6, 7)), generator.uniform(-1000, 1000, (5, 6, 7))
    flips = tuple(slice(None, None, -1 if back else 1) for back in backwards)
    moved = [array.transpose(order)[flips].copy() for array in (within, hu)]
    assert measured(*moved) == pytest.approx(measured(within, hu), rel=1e-9)


@pytest.mark.parametrize("share", [0.0, 1e-6, 1.0])
@pytest.mark.parametrize("hu", [-3000.0, 0.0, 30000.0])
def test_measures_of_extremes_and_their_gradients_are_finite(share, hu):
    within = torch.full((1, 1, 4, 4, 4), share, requires_grad=True)
    values = measure(within, torch.full((1, 1, 4, 4, 4), hu))
    values.sum().backward()
    assert values.isfinite().all()
    assert within.grad.isfinite().all()

"""The net that outlines a nodule, measures it and judges by the measures.

Measures of soft outlines, against balls and boxes worked out by hand.
"""

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


def net(**settings) -> NoduleNet:
    torch.manual_seed(0)
    return NoduleNet(**{"shape": SHAPE, "attributes": NAMES, "width": 4, "hidden": 6} | settings)


def images(count: int = 2) -> torch.Tensor:
    return torch.rand(count, 1, *SHAPE, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_what_is_read_of_an_image():
    reader = net().eval()
    reading = reader.read(images(3))
    assert reading.logit.shape == (3, 1)
    assert reading.outline.shape == (3, 1, *SHAPE)
    assert reading.attributes.shape == (3, 2)
    assert torch.equal(reader(images(3)), reading.logit)


@pytest.mark.parametrize("axes", [(2,), (3,), (4,), (2, 3, 4)])
def test_a_mirrored_image_is_read_alike_in_shape_and_size(axes):
    reader = net().eval()
    one, other = reader.read(images()), reader.read(images().flip(axes))
    assert one.outline.shape == other.outline.shape
    # what the net knows before it has learnt hangs little on the side it looks from
    volumes = [reading.outline.sigmoid().sum((1, 2, 3, 4)) for reading in (one, other)]
    assert torch.allclose(*volumes, rtol=0.1)


def test_the_logit_is_a_linear_function_of_measures():
    reader = net(window_hu=(-900, 300)).eval()
    torch.nn.init.normal_(reader.classifier.weight)
    with torch.no_grad():
        reading = reader.read(images())
        hu = -900 + (images() + 1) / 2 * 1200
        # what is measured is outlined four times as sharply
        measures = measure((4 * reading.outline).sigmoid(), hu)
        expected = measures @ reader.classifier.weight.T + reader.classifier.bias
    assert measures.shape[1] == len(MEASURES)
    assert torch.allclose(reading.logit, expected, rtol=1e-4, atol=1e-5)


def test_it_is_undecided_at_first():
    logits = net().eval()(images(4))
    assert torch.equal(logits, logits[:1].expand_as(logits))


def test_the_window_changes_what_minus_one_and_one_stand_for_alone():
    hu = images() * 500
    wide, narrow = net(window_hu=(-1000, 1000)).eval(), net(window_hu=(-500, 500)).eval()
    one, other = wide.read(hu / 1000), narrow.read(hu / 500)
    assert torch.allclose(one.outline, other.outline, atol=1e-4)
    assert torch.allclose(one.attributes, other.attributes, atol=1e-4)


def test_what_the_outline_learns_from():
    reader = net()
    lesion = (images() > 0.5).float()
    outline_loss(reader.read(images()).outline, lesion).backward()
    untouched = {
        name.partition(".")[0] for name, one in reader.named_parameters() if one.grad is None
    }
    assert untouched == {"describe", "classifier"}


def test_the_label_reaches_the_outline_through_the_measures():
    reader = net(dropout=0.0)
    torch.nn.init.normal_(reader.classifier.weight)
    reader(images()).sum().backward()
    untouched = {
        name.partition(".")[0] for name, one in reader.named_parameters() if one.grad is None
    }
    assert untouched == {"describe"}
    assert reader.outline[-1].weight.grad.any()
    assert reader.stem[0].weight.grad.any()


def test_nothing_is_learnt_of_an_attribute_that_is_unknown():
    reader = net(dropout=0.0)
    known = torch.tensor([[0.3, float("nan")], [-1.0, float("nan")]])
    attribute_loss(reader.read(images()).attributes, known).backward()
    gradient = reader.describe[-1].weight.grad
    assert gradient[0].any()
    assert not gradient[1].any()


def test_without_attributes_it_learns_from_labels_alone():
    reader = net(attributes=())
    torch.nn.init.normal_(reader.classifier.weight)
    reader(images()).sum().backward()
    assert [name for name, one in reader.named_parameters() if one.grad is None] == []


def test_an_outline_is_learnt():
    """A ball brighter than its surroundings is found within a few steps."""
    dice = torch.Generator().manual_seed(0)
    reader = net(shape=(16, 16, 16))
    places = torch.stack(torch.meshgrid(*[torch.arange(16.0)] * 3, indexing="ij"))
    middles = 6 + 4 * torch.rand(4, 3, 1, 1, 1, generator=dice)
    lesion = ((places - middles).norm(dim=1, keepdim=True) < 4).float()
    image = 0.9 * lesion - 0.8 + 0.1 * torch.randn(lesion.shape, generator=dice)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=0.02)
    for _ in range(24):
        optimizer.zero_grad()
        outline_loss(reader.read(image).outline, lesion).backward()
        optimizer.step()
    found = reader.read(image).outline > 0
    both = (found & lesion.bool()).sum()
    assert 2 * both / (found.sum() + lesion.sum()) > 0.9


def test_weights_hold_what_is_learnt_and_no_more():
    names = set(net().state_dict())
    assert not names & {"windows", "distance"}
    other = net(shape=(32, 32, 32))
    assert {k: v.shape for k, v in other.state_dict().items()} == {
        k: v.shape for k, v in net().state_dict().items()
    }


def test_cells_are_laid_out_over_their_voxels():
    cells = torch.arange(2 * 16 * 2 * 3 * 2).reshape(2, 16, 2, 3, 2)
    laid = _spread(cells)
    assert laid.shape == (2, 2, 4, 6, 4)
    for b, c, w, h, d in itertools.product(*map(range, laid.shape)):
        part = (w % 2) * 4 + (h % 2) * 2 + d % 2
        assert laid[b, c, w, h, d] == cells[b, 8 * c + part, w // 2, h // 2, d // 2]


@pytest.mark.parametrize("shape", [(32, 32, 20), (12, 16, 16)])
def test_a_shape_that_cannot_be_halved_thrice_is_refused(shape):
    with pytest.raises(ValueError, match=r"model\.shape=\[.*\]: give multiples of 8\."):
        NoduleNet(shape=shape)


SIDE = 24


def measured(within: np.ndarray, hu: np.ndarray) -> dict[str, float]:
    given = (torch.from_numpy(np.asarray(one, np.float64))[None, None] for one in (within, hu))
    (found,) = measure(*given)
    return dict(zip(MEASURES, found.tolist(), strict=True))


def box(*sides: int) -> np.ndarray:
    within = np.zeros((SIDE, SIDE, SIDE))
    within[tuple(slice(3, 3 + side) for side in sides)] = 1
    return within


def ball(radius: float) -> np.ndarray:
    axes = np.indices((SIDE, SIDE, SIDE)) - (SIDE - 1) / 2
    return (np.sqrt((axes**2).sum(0)) <= radius).astype(float)


def test_a_box_of_one_density_by_hand():
    found = measured(box(4, 6, 10), np.full((SIDE,) * 3, 150.0))
    # 240 voxels, one more so that nothing is measurable too
    size = (math.log(241) - 5.5) / 1.3
    mean = 0.5 * 240 / 241
    # 150 HU lie 50 below the next threshold: what counts there is soft
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
    assert found == pytest.approx(expected, abs=1e-6)


def test_what_is_outside_is_not_measured():
    within = ball(6)
    hu = np.where(within > 0, 40.0, -900.0)
    assert measured(within, hu) == pytest.approx(measured(within, np.full_like(hu, 40.0)))


def test_the_volume_of_a_ball():
    found = measured(ball(9), np.zeros((SIDE,) * 3))
    voxels = math.exp(found["volume"] * 1.3 + 5.5)
    assert voxels == pytest.approx(4 / 3 * math.pi * 9**3, rel=0.02)


def test_calcium_in_one_corner_counts_and_spreads():
    within, hu = box(10, 10, 10), np.zeros((SIDE,) * 3)
    hu[3:13, 3:13, 3] = 900
    found = measured(within, hu)
    # a tenth of the voxels at thrice the unit
    assert found["density"] == pytest.approx(0.3 * 1000 / 1001)
    assert found["spread"] == pytest.approx(math.sqrt(0.1 * 9 - 0.09 + 0.01), rel=2e-3)
    for t, middle in ((300, 0.7), (500, 0.5)):
        voxels = math.exp(found[f"above_{t}"] * 1.5 + middle) - 1
        assert voxels == pytest.approx(100, rel=0.01)
    # half of what lies on a threshold counts
    voxels = math.exp(found["above_0"] * 1.5 + 4) - 1
    assert voxels == pytest.approx(100 + 900 / 2, rel=1e-3)


@given(
    st.integers(0, 2**32 - 1),
    # seen from above, a nodule on its side has another area
    st.sampled_from([(0, 1, 2), (1, 0, 2)]),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_turning_and_mirroring_change_no_measure(seed, order, backwards):
    dice = np.random.default_rng(seed)
    within, hu = dice.random((5, 6, 7)), dice.uniform(-1000, 1000, (5, 6, 7))
    flips = tuple(slice(None, None, -1 if back else 1) for back in backwards)
    moved = [one.transpose(order)[flips].copy() for one in (within, hu)]
    assert measured(*moved) == pytest.approx(measured(within, hu), rel=1e-9)


@pytest.mark.parametrize("share", [0.0, 1e-6, 1.0])
@pytest.mark.parametrize("hu", [-3000.0, 0.0, 30000.0])
def test_extremes_stay_numbers_with_a_gradient(share, hu):
    within = torch.full((1, 1, 4, 4, 4), share, requires_grad=True)
    found = measure(within, torch.full((1, 1, 4, 4, 4), hu))
    found.sum().backward()
    assert found.isfinite().all()
    assert within.grad.isfinite().all()

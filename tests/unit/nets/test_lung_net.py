"""The net for both lungs: what it sees, and what it learns that outcomes alone do not teach."""

import pytest
import torch
from torch.nn.functional import adaptive_avg_pool3d, binary_cross_entropy_with_logits

from lungcam.nets import LungNet, add_hazards, every_year, location_loss

SHAPE = (16, 16, 16)


def chests(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noise with a dense spot of 3 voxels in a half of them and a vessel of that width in all."""
    dice = torch.Generator().manual_seed(seed)
    image = 0.3 * torch.randn((count, 1, *SHAPE), generator=dice)
    lesion, label = torch.zeros_like(image), torch.arange(count) % 2
    for row in range(count):
        x, y, z, a, b = torch.randint(1, 12, (5,), generator=dice).tolist()
        image[row, 0, a : a + 3, b : b + 3] += 4
        if label[row]:
            spot = (row, 0, slice(x, x + 3), slice(y, y + 3), slice(z, z + 3))
            image[spot] += 4
            lesion[spot] = 1
    return image, lesion, label.float()


def taught() -> LungNet:
    """A net after 40 small batches."""
    torch.manual_seed(0)
    net = LungNet(SHAPE)
    optimizer = torch.optim.AdamW(net.parameters(), 4e-3)
    for step in range(40):
        image, lesion, label = chests(8, step)
        reading = net.read(image)
        loss = binary_cross_entropy_with_logits(reading.logit[:, 0], label)
        loss = loss + location_loss(reading.outline, lesion)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


def test_it_learns_where_nodules_lie_and_with_that_who_has_one():
    net = taught()
    image, lesion, label = chests(40, 1000)
    with torch.no_grad():
        reading = net.read(image)
    ill = reading.logit[label == 1, 0]
    assert float((ill[:, None] > reading.logit[label == 0, 0]).float().mean()) > 0.95
    # the cell of which it says so most is one of the spot's
    cells = adaptive_avg_pool3d(lesion, reading.outline.shape[2:]).flatten(1)[label == 1]
    highest = reading.outline.flatten(1)[label == 1].argmax(1, keepdim=True)
    assert float((cells.gather(1, highest) > 0).float().mean()) > 0.9


@torch.no_grad()
def test_it_tells_apart_what_is_faint_and_what_is_dense():
    torch.manual_seed(0)
    net = LungNet(SHAPE).eval()
    image = torch.zeros(1, 1, *SHAPE)
    faint, dense, denser = image.clone(), image.clone(), image.clone()
    faint[..., 8:16, 8:16, 8:16] = 0.8
    dense[..., 4:7, 4:7, 4:7] = 7
    denser[..., 4:7, 4:7, 4:7] = 70
    empty, ground_glass, nodule, metal = (
        net.read(one).logit.item() for one in (image, faint, dense, denser)
    )
    assert abs(ground_glass - empty) > 1e-4
    assert abs(nodule - ground_glass) > 1e-4
    # denser than any tissue is no denser than dense
    assert metal == nodule


def test_its_reading_is_its_answer_and_each_year_has_one():
    torch.manual_seed(0)
    net = add_hazards(LungNet(SHAPE).eval(), 6)
    image = torch.randn(2, 1, *SHAPE)
    with torch.no_grad(), every_year(net):
        reading = net.read(image)
        assert torch.equal(net(image), reading.logit)
    assert reading.logit.shape == (2, 6)
    assert reading.outline.shape == (2, 1, *(size // 2 for size in SHAPE))
    assert reading.attributes.shape == (2, 0)


def test_a_shape_that_has_no_cells_is_refused():
    with pytest.raises(ValueError, match=r"^model\.shape=\[32, 24, 30\]: give multiples of 4\."):
        LungNet((32, 24, 30))

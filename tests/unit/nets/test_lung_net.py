"""The net for both lungs sees faint and dense lesions, and learns from the places of nodules."""

import pytest
import torch
from torch.nn.functional import adaptive_avg_pool3d, binary_cross_entropy_with_logits

from lungcam.nets import LungNet, add_hazards, every_year, location_loss

SHAPE = (16, 16, 16)


def chests(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return noise with a dense spot of 3 voxels in every other, and a vessel as wide in all."""
    generator = torch.Generator().manual_seed(seed)
    image = 0.3 * torch.randn((count, 1, *SHAPE), generator=generator)
    lesion, label = torch.zeros_like(image), torch.arange(count) % 2
    for row in range(count):
        x, y, z, a, b = torch.randint(1, 12, (5,), generator=generator).tolist()
        image[row, 0, a : a + 3, b : b + 3] += 4
        if label[row]:
            spot = (row, 0, slice(x, x + 3), slice(y, y + 3), slice(z, z + 3))
            image[spot] += 4
            lesion[spot] = 1
    return image, lesion, label.float()


def trained_net() -> LungNet:
    """Train a net on 40 small batches."""
    torch.manual_seed(0)
    net = LungNet(SHAPE)
    optimizer = torch.optim.AdamW(net.parameters(), 4e-3)
    for step in range(40):
        image, lesion, label = chests(8, step)
        output = net.read(image)
        loss = binary_cross_entropy_with_logits(output.logit[:, 0], label)
        loss = loss + location_loss(output.outline, lesion)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


def test_it_learns_the_places_of_nodules_and_so_the_label():
    net = trained_net()
    image, lesion, label = chests(40, 1000)
    with torch.no_grad():
        output = net.read(image)
    positive = output.logit[label == 1, 0]
    assert float((positive[:, None] > output.logit[label == 0, 0]).float().mean()) > 0.95
    # the highest cell is one of the spot's
    cells = adaptive_avg_pool3d(lesion, output.outline.shape[2:]).flatten(1)[label == 1]
    highest = output.outline.flatten(1)[label == 1].argmax(1, keepdim=True)
    assert float((cells.gather(1, highest) > 0).float().mean()) > 0.9


@torch.no_grad()
def test_faint_and_dense_lesions_change_the_logit():
    torch.manual_seed(0)
    net = LungNet(SHAPE).eval()
    image = torch.zeros(1, 1, *SHAPE)
    faint, dense, denser = image.clone(), image.clone(), image.clone()
    faint[..., 8:16, 8:16, 8:16] = 0.8
    dense[..., 4:7, 4:7, 4:7] = 7
    denser[..., 4:7, 4:7, 4:7] = 70
    empty, ground_glass, nodule, metal = (
        net.read(chest).logit.item() for chest in (image, faint, dense, denser)
    )
    assert abs(ground_glass - empty) > 1e-4
    assert abs(nodule - ground_glass) > 1e-4
    # the window ends at the densest tissue
    assert metal == nodule


def test_the_output_holds_the_logit_of_each_year():
    torch.manual_seed(0)
    net = add_hazards(LungNet(SHAPE).eval(), 6)
    image = torch.randn(2, 1, *SHAPE)
    with torch.no_grad(), every_year(net):
        output = net.read(image)
        assert torch.equal(net(image), output.logit)
    assert output.logit.shape == (2, 6)
    assert output.outline.shape == (2, 1, *(size // 2 for size in SHAPE))
    assert output.attributes.shape == (2, 0)


def test_a_shape_that_does_not_divide_into_cells_is_refused():
    with pytest.raises(ValueError, match=r"^model\.shape=\[32, 24, 30\]: give multiples of 4\."):
        LungNet((32, 24, 30))

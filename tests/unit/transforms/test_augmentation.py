"""Random mirroring of a batch, against all that it may give."""

import itertools
from collections import Counter

import pytest
import torch

from lungcam.transforms import RandomFlips


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(count: int) -> dict[str, torch.Tensor]:
    shown = torch.arange(count * 60.0).reshape(count, 1, 3, 4, 5)
    return {"input": shown, "lesion": -shown, "label": torch.arange(count)}


@pytest.mark.parametrize("axes", [(0, 1, 2), (0,), (2, 1), ()])
def test_each_volume_is_mirrored_along_some_of_the_axes(axes):
    given = batch(64)
    found = RandomFlips(axes)(given, dice())
    ways = [some for n in range(len(axes) + 1) for some in itertools.combinations(axes, n)]
    seen = Counter()
    for one, other, lesion in zip(given["input"], found["input"], found["lesion"], strict=True):
        (way,) = (some for some in ways if torch.equal(one.flip([1 + i for i in some]), other))
        seen[way] += 1
        # the outline goes along
        assert torch.equal(lesion, -other)
    assert set(seen) == set(ways)
    # all ways alike: an eighth of what is due would be a rare chance
    assert min(seen.values()) > 64 / len(ways) / 8


def test_a_batch_without_lesions_and_what_was_given_stay():
    given = batch(8)
    del given["lesion"]
    before = given["input"].clone()
    found = RandomFlips()(given, dice())
    assert found.keys() == given.keys()
    assert found["label"] is given["label"]
    assert torch.equal(given["input"], before)
    assert not torch.equal(found["input"], before)


def test_the_generator_decides():
    given = batch(16)
    before = torch.get_rng_state()
    first = RandomFlips()(given, dice())["input"]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(RandomFlips()(given, dice())["input"], first)
    assert not torch.equal(RandomFlips()(given, dice(1))["input"], first)


def test_the_memory_layout_changes_no_voxel():
    given = batch(8)
    laid = {"input": given["input"].contiguous(memory_format=torch.channels_last_3d)}
    assert torch.equal(RandomFlips()(laid, dice())["input"], RandomFlips()(given, dice())["input"])


@pytest.mark.parametrize("axes", [[7], [0, 3], [-1]])
def test_an_axis_that_is_not_there_is_refused(axes):
    with pytest.raises(ValueError, match=r"^axes=\[.*\]: choose of 0, 1 and 2\.$"):
        RandomFlips(axes)

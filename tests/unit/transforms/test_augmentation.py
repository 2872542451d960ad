"""Random flips against all possible results; random poses against scipy and measured matrices."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform
from torch.nn.functional import affine_grid

from lungcam.transforms import RandomFlips, RandomPoses
from lungcam.transforms.augmentation import sampling_grid


def make_generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(count: int) -> dict[str, torch.Tensor]:
    shown = torch.arange(count * 60.0).reshape(count, 1, 3, 4, 5)
    return {"input": shown, "lesion": -shown, "label": torch.arange(count)}


@pytest.mark.parametrize("axes", [(0, 1, 2), (0,), (2, 1), ()])
def test_each_volume_is_mirrored_along_some_of_the_axes(axes):
    original = batch(64)
    flipped = RandomFlips(axes)(original, make_generator())
    ways = [some for n in range(len(axes) + 1) for some in itertools.combinations(axes, n)]
    seen = Counter()
    for before, after, lesion in zip(
        original["input"], flipped["input"], flipped["lesion"], strict=True
    ):
        (way,) = (some for some in ways if torch.equal(before.flip([1 + i for i in some]), after))
        seen[way] += 1
        # the lesion is flipped in the same way
        assert torch.equal(lesion, -after)
    assert set(seen) == set(ways)
    # all ways are alike: an eighth of the expected count would be a rare chance
    assert min(seen.values()) > 64 / len(ways) / 8


def test_flips_leave_the_given_batch_and_the_labels_unchanged():
    original = batch(8)
    del original["lesion"]
    before = original["input"].clone()
    flipped = RandomFlips()(original, make_generator())
    assert flipped.keys() == original.keys()
    assert flipped["label"] is original["label"]
    assert torch.equal(original["input"], before)
    assert not torch.equal(flipped["input"], before)


def test_flips_depend_on_the_generator_alone():
    original = batch(16)
    before = torch.get_rng_state()
    first = RandomFlips()(original, make_generator())["input"]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(RandomFlips()(original, make_generator())["input"], first)
    assert not torch.equal(RandomFlips()(original, make_generator(1))["input"], first)


def test_the_memory_layout_changes_no_voxel():
    original = batch(8)
    laid = {"input": original["input"].contiguous(memory_format=torch.channels_last_3d)}
    assert torch.equal(
        RandomFlips()(laid, make_generator())["input"],
        RandomFlips()(original, make_generator())["input"],
    )


@pytest.mark.parametrize("axes", [[7], [0, 3], [-1]])
def test_an_unknown_axis_is_refused(axes):
    with pytest.raises(ValueError, match=r"^axes=\[.*\]: choose from 0, 1 and 2\.$"):
        RandomFlips(axes)


SHAPE = (16, 24, 20)
STILL = {"contrast": 0.0, "brightness": 0.0, "noise": 0.0}


def moved(poses: RandomPoses, image: torch.Tensor, seed: int = 0, **others) -> dict:
    return poses({"input": image, **others}, make_generator(seed))


def poses_drawn(poses: RandomPoses, count: int, seed: int = 0) -> list[np.ndarray]:
    """Return matrices `(3, 4)` from output to input voxels, counted from the middle.

    They are measured by moving images with each voxel's index along an axis.
    """
    middle = (np.array(SHAPE) - 1) / 2
    places = np.indices(SHAPE).reshape(3, -1).T - middle
    came = np.stack(
        [
            moved(poses, torch.from_numpy(axis).expand(count, 1, *SHAPE), seed)["input"][:, 0]
            for axis in np.indices(SHAPE).astype(float)
        ],
        axis=1,
    ).reshape(count, 3, -1)
    matrices = []
    for index in came:
        # beyond the faces the outermost voxels are continued
        inside = ((index > 1e-6) & (index < np.array(SHAPE)[:, None] - 1 - 1e-6)).all(0)
        known = np.c_[places[inside], np.ones(inside.sum())]
        matrix, _, rank, _ = np.linalg.lstsq(known, index.T[inside] - middle, rcond=None)
        assert rank == 4
        assert np.allclose(known @ matrix, index.T[inside] - middle, atol=1e-4)
        matrices.append(matrix.T)
    return matrices


@pytest.fixture(scope="module")
def drawn() -> list[np.ndarray]:
    return poses_drawn(RandomPoses(**STILL), 64)


def test_a_pose_turns_mirrors_scales_and_shifts_within_its_limits(drawn):
    linear = np.array([pose[:, :3] for pose in drawn])
    shift = np.array([pose[:, 3] for pose in drawn])
    sizes = np.linalg.svd(linear, compute_uv=False)
    # no shear, and the same scale along all axes
    assert np.ptp(sizes, axis=1).max() < 1e-4
    assert np.abs(np.log(sizes)).max() <= 0.1
    assert np.log(sizes).std() > 0.03
    assert np.abs(shift).max() <= 2
    assert (np.abs(shift).max(axis=0) > 1.5).all()
    determinants = np.linalg.det(linear)
    assert 16 < (determinants < 0).sum() < 48
    # each of two tilts is 11 degrees at most
    upright = np.abs(linear[:, 2, 2]) / sizes[:, 0]
    assert upright.min() >= np.cos(np.radians(11)) ** 2
    assert upright.min() < np.cos(np.radians(11))


def test_a_turn_about_the_bodys_axis_is_free(drawn):
    angles = np.degrees([np.arctan2(pose[1, 0], pose[0, 0]) for pose in drawn])
    counts, _ = np.histogram(angles, bins=4, range=(-180, 180))
    assert counts.min() >= 6


def test_poses_move_images_as_scipy_does(drawn):
    # smooth, so that single precision of the coordinates matters little
    image = torch.rand(64, 1, *SHAPE, dtype=torch.float64, generator=make_generator(5))
    result = moved(RandomPoses(**STILL), image)["input"]
    middle = (np.array(SHAPE) - 1) / 2
    for before, after, pose in zip(image, result, drawn, strict=True):
        linear, shift = pose[:, :3], pose[:, 3]
        expected = affine_transform(
            before[0].numpy(), linear, middle + shift - linear @ middle, order=1, mode="nearest"
        )
        assert np.abs(after[0].numpy() - expected).max() < 1e-3


def test_places_are_those_of_torch():
    theta = torch.randn(4, 3, 4, dtype=torch.float64, generator=make_generator())
    expected = affine_grid(theta, [4, 1, *SHAPE], align_corners=False)
    assert torch.allclose(sampling_grid(theta, SHAPE), expected)


def test_without_tilt_scale_and_shift_slices_turn_in_their_plane():
    poses = RandomPoses(tilt=0, scale=0, shift=0, **STILL)
    for pose in poses_drawn(poses, 8):
        linear, shift = pose[:, :3], pose[:, 3]
        assert np.allclose(linear @ linear.T, np.eye(3), atol=1e-5)
        assert np.allclose(np.abs(linear[2]), [0, 0, 1], atol=1e-5)
        assert np.allclose(shift, 0, atol=1e-4)


def test_a_ball_stays_a_ball_at_the_place_of_its_lesion():
    places = np.indices((32, 32, 32)) - np.array([19.0, 13, 17])[:, None, None, None]
    ball = torch.from_numpy((np.sqrt((places**2).sum(0)) < 5).astype(np.float32))
    balls = ball.expand(16, 1, 32, 32, 32)
    result = moved(RandomPoses(scale=0, **STILL), 2 * balls - 1, lesion=balls)
    # image and lesion are moved together
    assert torch.allclose(result["input"], 2 * result["lesion"] - 1, atol=1e-5)
    volumes = result["lesion"].sum((1, 2, 3, 4))
    assert torch.allclose(volumes, ball.sum().expand(16), rtol=0.03)
    middles = np.array(
        [[np.average(axis, weights=ball[0]) for axis in places] for ball in result["lesion"]]
    )
    assert len(np.unique(middles.round(2), axis=0)) == 16
    # a turn and a mirror do not change the distance from the cube's middle
    away = np.linalg.norm(middles + np.array([19.0, 13, 17]) - 15.5, axis=1)
    assert np.abs(away - np.linalg.norm([3.5, -2.5, 1.5])).max() <= 2 * np.sqrt(3) + 0.1


def test_the_outermost_voxels_are_continued_beyond_a_face():
    flat = torch.full((8, 1, *SHAPE), 0.7)
    assert torch.allclose(moved(RandomPoses(**STILL), flat)["input"], flat)


def test_intensity_changes_affect_the_input_alone_and_stay_within_their_limits():
    flat = torch.full((32, 1, *SHAPE), 0.5)
    poses = RandomPoses(contrast=0.1, brightness=0.05, noise=0.02)
    result = moved(poses, flat, lesion=flat)
    assert torch.allclose(result["lesion"], flat)
    level, noise = result["input"].mean((1, 2, 3, 4)), result["input"].std((1, 2, 3, 4))
    assert (level - 0.5).abs().max() <= 0.5 * 0.1 + 0.05 + 0.001
    assert level.std() > 0.01
    assert noise.max() <= 0.0205
    assert noise.max() > 0.015
    assert noise.min() < 0.005


def test_poses_depend_on_the_generator_alone():
    image = torch.rand(3, 1, *SHAPE, generator=make_generator(1))
    poses = RandomPoses()
    before = torch.get_rng_state()
    first = moved(poses, image)["input"]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(moved(poses, image)["input"], first)
    assert not torch.allclose(moved(poses, image, seed=1)["input"], first, atol=1e-2)
    # a lesion changes nothing
    assert torch.allclose(moved(poses, image, lesion=image)["input"], first, atol=1e-6)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_poses_leave_the_given_batch_and_the_labels_unchanged(kind):
    image = torch.rand(2, 1, *SHAPE, generator=make_generator(1)).to(kind)
    batch = {"input": image.clone(), "label": torch.tensor([0, 1]), "index": torch.tensor([5, 2])}
    result = RandomPoses()(batch, make_generator())
    assert torch.equal(batch["input"], image)
    assert result.keys() == batch.keys()
    assert result["label"] is batch["label"]
    assert (result["input"].dtype, result["input"].shape) == (kind, image.shape)

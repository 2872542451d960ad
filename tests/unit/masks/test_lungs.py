"""Lungs from TotalSegmentator, lungmask and LUNA16, and their aerated part."""

import nibabel as nib
import numpy as np
import pytest

from lungcam.errors import InputError
from lungcam.grid import Grid, reorient
from lungcam.lungs import lung_pockets
from lungcam.masks import read_lungs
from lungcam.masks.lungs import LOBES, aerated
from lungcam.phantom.phantom import make_phantom
from lungcam.scans import Scan, write_volume


@pytest.fixture(scope="module")
def phantom():
    return make_phantom(1, "malignant", difficulty=0.3, matrix=96)


@pytest.fixture(scope="module")
def scan(phantom) -> Scan:
    grid = Grid(phantom.hu.shape, phantom.affine)
    return Scan(name="phantom", source=None, hu=phantom.hu, grid=grid)


def on_canonical(mask: np.ndarray, scan: Scan) -> np.ndarray:
    return reorient(mask, scan.grid, target=scan.grid.canonical)


@pytest.fixture(scope="module")
def lobes(phantom) -> dict[str, np.ndarray]:
    """Five parts of the lungs by the names of TotalSegmentator."""
    x, _, z = np.meshgrid(*map(np.arange, phantom.hu.shape), indexing="ij")
    low, high = z < z.max() / 3, z > 2 * z.max() / 3
    right = x * phantom.affine[0, 0] + phantom.affine[0, 3] > 0
    parts = {
        "lung_upper_lobe_left": ~right & ~low,
        "lung_lower_lobe_left": ~right & low,
        "lung_upper_lobe_right": right & high,
        "lung_middle_lobe_right": right & ~low & ~high,
        "lung_lower_lobe_right": right & low,
    }
    return {name: part & phantom.lungs for name, part in parts.items()}


def write_lobes(folder, scan, lobes, names=LOBES):
    folder.mkdir()
    for name in names:
        write_volume(folder / f"{name}.nii.gz", lobes[name], grid=scan.grid)
    write_volume(folder / "heart.nii.gz", ~lobes[LOBES[0]], grid=scan.grid)
    return folder


def test_the_lobes_of_totalsegmentator_are_joined(tmp_path, phantom, scan, lobes):
    folder = write_lobes(tmp_path / "segmentations", scan, lobes)
    given = read_lungs(folder, scan)
    assert np.array_equal(given.lungs, on_canonical(phantom.lungs, scan))
    assert not given.airway.any()
    write_volume(folder / "trachea.nii.gz", phantom.airway, grid=scan.grid)
    assert np.array_equal(read_lungs(folder, scan).airway, on_canonical(phantom.airway, scan))


def test_a_missing_lobe_is_named(tmp_path, scan, lobes):
    folder = write_lobes(tmp_path / "segmentations", scan, lobes, LOBES[1:])
    with pytest.raises(InputError, match="there is no lung_upper_lobe_left") as caught:
        read_lungs(folder, scan)
    assert str(caught.value).startswith(f"{folder}: cannot be used as the lungs: ")
    assert "\n" not in str(caught.value)


def labelled(lobes, phantom, labels: dict[str, int], trachea: int = 0) -> np.ndarray:
    values = (phantom.airway * trachea).astype(np.int16)
    for name, mask in lobes.items():
        values[mask] = labels[name]
    return values


LUNGMASK = dict(zip(LOBES, (2, 2, 1, 1, 1), strict=True))
LUNA = dict(zip(LOBES, (3, 3, 4, 4, 4), strict=True))
TOTAL = dict(zip(LOBES, (10, 11, 12, 13, 14), strict=True))


@pytest.mark.parametrize(
    ("labels", "trachea"),
    [
        (dict.fromkeys(LOBES, 1), 0),
        (LUNGMASK, 0),
        (dict(zip(LOBES, (1, 2, 3, 4, 5), strict=True)), 0),
        (LUNA, 5),
        (LUNA, 0),
        (TOTAL, 0),
        (TOTAL, 16),
    ],
)
def test_the_labels_of_known_programs_are_lung(tmp_path, phantom, scan, lobes, labels, trachea):
    file = tmp_path / "lungs.nii.gz"
    write_volume(file, labelled(lobes, phantom, labels, trachea), grid=scan.grid)
    given = read_lungs(file, scan)
    assert np.array_equal(given.lungs, on_canonical(phantom.lungs, scan))
    assert given.airway.any() == bool(trachea)


def test_unknown_labels_are_asked_for(tmp_path, phantom, scan, lobes):
    file = tmp_path / "labels.nii.gz"
    values = labelled(lobes, phantom, LUNA)
    values[phantom.hu > 200] = 7
    write_volume(file, values, grid=scan.grid)
    with pytest.raises(InputError, match="which of its labels 3, 4, 7 are lung; name them by"):
        read_lungs(file, scan)
    given = read_lungs(file, scan, segment="3,4")
    assert given.lungs.sum() == (np.isin(values, (3, 4))).sum()
    with pytest.raises(InputError, match="no label 9; it has 3, 4, 7"):
        read_lungs(file, scan, segment="9")


def test_names_in_the_header_decide(tmp_path, phantom, scan, lobes):
    values = labelled(lobes, phantom, TOTAL, 16)
    values[phantom.hu > 200] = 90
    image = nib.Nifti1Image(values, scan.grid.affine)
    names = {**{number: name for name, number in TOTAL.items()}, 16: "trachea", 90: "rib_left_1"}
    labels = "".join(
        f'<Label Key="{key}" Red="0"><![CDATA[{name}]]></Label>' for key, name in names.items()
    )
    text = f"<CaretExtension><LabelTable>{labels}</LabelTable></CaretExtension>"
    image.header.extensions.append(nib.nifti1.Nifti1Extension(0, text.encode()))
    nib.save(image, tmp_path / "total.nii.gz")
    given = read_lungs(tmp_path / "total.nii.gz", scan)
    assert given.lungs.sum() == np.isin(values, tuple(TOTAL.values())).sum()
    assert given.airway.any()


def test_mirrored_lungs_are_refused_in_one_line(tmp_path, phantom, scan):
    file = tmp_path / "lungs.nii.gz"
    write_volume(file, phantom.lungs[:, ::-1], grid=scan.grid)
    with pytest.raises(InputError, match="front and back are exchanged") as caught:
        read_lungs(file, scan)
    assert "\n" not in str(caught.value)


def test_opaque_lung_is_not_aerated_and_vessels_are(phantom, scan):
    grid = scan.grid.canonical
    lungs, hu = on_canonical(phantom.lungs, scan), on_canonical(phantom.hu, scan).copy()
    # of a phantom's lungs only what is filled otherwise holds no air
    assert aerated(lungs, hu, grid=grid).sum() > 0.97 * lungs.sum()
    opaque = lungs.copy()
    opaque[opaque.shape[0] // 2 :] = False
    hu[opaque] = 20
    left = aerated(lungs, hu, grid=grid)
    assert (left & opaque).sum() < 0.1 * opaque.sum()
    assert (left & ~opaque & lungs).sum() > 0.95 * (lungs & ~opaque).sum()
    # what a mask made from air finds is nothing of the opaque lung
    with_air = lung_pockets(hu < -350, hu, spacing_mm=grid.spacing_mm)
    assert (with_air & opaque).sum() < 0.1 * opaque.sum()

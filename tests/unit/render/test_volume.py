import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy

from lungcam.render import lungs_and_heat
from lungcam.render.volume import fade_around_heat, surface_points, wall_rim


def components(image):
    """(W, H, D) arrays of lungs and heat, without the layer that is not drawn."""
    w, h, d = image.GetDimensions()
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(d, h, w, 2)[:-1]
    return voxels[..., 0].transpose(2, 1, 0), voxels[..., 1].transpose(2, 1, 0)


def block(shape=(40, 30, 20)):
    lungs = np.zeros(shape, dtype=bool)
    lungs[10:30, 8:22, 5:15] = True
    return np.where(lungs, -850, 40).astype(np.int16), lungs


def centre_of(weights, image):
    index = [(weights.sum(axis=a) @ np.arange(n)) / weights.sum() for a, n in
             zip([(1, 2), (0, 2), (0, 1)], weights.shape, strict=True)]  # fmt: skip
    return np.array(image.GetOrigin()) + index * np.array(image.GetSpacing())


@pytest.mark.parametrize("spacing", [(1, 1, 1), (0.7, 0.7, 2.5), (3, 2, 1)])
@pytest.mark.parametrize("at", [(15, 12, 8), (27, 19, 12)])
def test_heat_keeps_its_place_in_mm(spacing, at):
    hu, lungs = block()
    heat = np.zeros(hu.shape, np.float32)
    heat[at] = 0.02
    image = lungs_and_heat(hu, lungs, heat=heat, spacing_mm=spacing)
    place = centre_of(components(image)[1].astype(float), image)
    assert place == pytest.approx(np.multiply(at, spacing), abs=0.1 * max(spacing))


def test_large_scan_is_reduced_and_keeps_its_place():
    lungs = np.zeros((700, 300, 20), dtype=bool)
    lungs[50:650, 20:280, 2:18] = True
    image = lungs_and_heat(
        np.full(lungs.shape, -850, np.int16), lungs, heat=None, spacing_mm=(0.5, 0.5, 5)
    )
    assert max(image.GetDimensions()) <= 257
    place = centre_of(components(image)[0].astype(float), image)
    assert place == pytest.approx([349.5 * 0.5, 149.5 * 0.5, 9.5 * 5], abs=0.05)


def test_outside_the_lungs_nothing_of_the_scan_is_left():
    hu, lungs = block()
    shown, heat = components(lungs_and_heat(hu, lungs, heat=None, spacing_mm=(1, 1, 1)))
    assert shown.max() == 50
    assert heat.max() == 0


def test_both_components_span_the_scale_in_the_layer_that_is_not_drawn():
    hu, lungs = block()
    scalars = lungs_and_heat(hu, lungs, heat=None, spacing_mm=(1, 1, 1)).GetPointData().GetScalars()
    assert scalars.GetRange(0) == (0, 255)
    assert scalars.GetRange(1) == (0, 255)


def test_heat_is_shown_as_a_share_of_its_peak_and_left_alone():
    hu, lungs = block()
    heat = np.full(hu.shape, 0.001, np.float32)
    heat[12:28, 10:20, 7:13] = 0.002
    before = heat.copy()
    _, shown = components(lungs_and_heat(hu, lungs, heat=heat, spacing_mm=(1, 1, 1)))
    assert shown.max() == 255
    assert shown.min() in (127, 128)
    assert (heat == before).all()


def test_memory_order_does_not_matter():
    hu, lungs = block()
    plain = lungs_and_heat(hu, lungs, heat=None, spacing_mm=(1, 1, 2))
    fortran = lungs_and_heat(
        np.asfortranarray(hu), np.asfortranarray(lungs), heat=None, spacing_mm=(1, 1, 2)
    )
    assert (components(plain)[0] == components(fortran)[0]).all()


def test_surface_encloses_the_lungs():
    hu, lungs = block()
    points = surface_points(lungs_and_heat(hu, lungs, heat=None, spacing_mm=(1, 2, 3)))
    assert points.min(axis=0) == pytest.approx([10, 16, 15], abs=1.5)
    assert points.max(axis=0) == pytest.approx([29, 42, 42], abs=1.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lungs": np.zeros((40, 30, 20), bool)}, "empty"),
        ({"lungs": np.ones((4, 3, 2), bool)}, "one 3D grid"),
        ({"heat": np.ones((4, 3, 2))}, "one 3D grid"),
        ({"heat": np.full((40, 30, 20), -0.1)}, "negative"),
        ({"heat": np.full((40, 30, 20), np.nan)}, "finite"),
        ({"spacing_mm": (1, 0, 1)}, "spacing"),
        ({"spacing_mm": (1, 1)}, "spacing"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    hu, lungs = block()
    with pytest.raises(ValueError, match=message):
        lungs_and_heat(
            **({"hu": hu, "lungs": lungs, "heat": None, "spacing_mm": (1, 1, 1)} | change)
        )


HAZE = 80.0
SIDE_MM = 1.5


def scene():
    """(shown, share): a nodule with heat in a corner of it, a vessel, another nodule far away."""
    x, y, z = np.indices((60, 40, 40))

    def ball(at, radius):
        return (x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2 < radius**2

    shown = np.full(x.shape, 45, np.float32)
    shown[ball((18, 20, 20), 9)] = 170
    shown[ball((48, 20, 20), 6)] = 170
    shown[:, 6:8, 6:8] = 170
    away = np.sqrt((x - 15) ** 2 + (y - 22) ** 2 + (z - 20) ** 2)
    return shown, np.exp(-((away / 2.5) ** 2) / 2).astype(np.float32)


def test_a_nodule_that_holds_heat_turns_to_glass_as_a_whole():
    shown, share = scene()
    before = shown.copy()
    fade_around_heat(shown, share, side_mm=SIDE_MM, haze=HAZE)
    x, y, z = np.indices(shown.shape)
    nodule = (before == 170) & ((x - 18) ** 2 + (y - 20) ** 2 + (z - 20) ** 2 < 9**2)
    assert (shown[nodule] <= HAZE + 20).mean() > 0.97
    assert (shown[~nodule & (before == 170)] == 170).mean() > 0.9
    assert (shown[48, 20, 20], shown[40, 6, 6]) == (170, 170)


def test_aerated_lung_is_left_as_it_is():
    shown, share = scene()
    fade_around_heat(shown, share, side_mm=SIDE_MM, haze=HAZE)
    assert (shown[scene()[0] == 45] == 45).all()


def test_without_heat_nothing_changes():
    shown, share = scene()
    fade_around_heat(shown, 0 * share, side_mm=SIDE_MM, haze=HAZE)
    assert (shown == scene()[0]).all()


def test_wall_is_peeled_and_vessel_and_nodule_are_kept():
    mask = np.zeros((40, 40, 40), np.float32)
    mask[5:35, 5:35, 5:35] = 1
    shown = 50 * mask
    shown[5:9] = 170  # 4 mm of chest wall
    shown[14:18, 20, 6:34] = 170  # a vessel
    shown[22:30, 10:18, 20:28] = 170  # a nodule
    peeled = wall_rim(shown, mask, side_mm=1.0)
    expected = mask < 0.5
    expected[5:9] = True
    assert (peeled == expected).all()


def test_only_six_millimetres_are_peeled():
    mask = np.zeros((50, 50, 50), np.float32)
    mask[5:45, 5:45, 5:45] = 1
    kept = ~wall_rim(170 * mask, mask, side_mm=2.0)
    assert kept.sum() == (40 - 2 * 3) ** 3


def test_partly_covered_voxels_do_not_stop_it():
    mask = np.zeros((20, 5, 5), np.float32)
    mask[4], mask[5:15] = 0.6, 1
    shown = 50 * mask
    shown[4:7] = 170 * mask[4:7]
    assert wall_rim(shown, mask, side_mm=1.0)[:7].all()

import numpy as np
import pytest
from vtkmodules.util.numpy_support import vtk_to_numpy

from lungcam.render import build_volume
from lungcam.render.volume import fade_around_heat, surface, surface_points, wall_rim


def components(image):
    """Return (W, H, D) arrays of lungs and heat, without the layer that is not drawn."""
    w, h, d = image.GetDimensions()
    voxels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(d, h, w, 2)[:-1]
    return voxels[..., 0].transpose(2, 1, 0), voxels[..., 1].transpose(2, 1, 0)


def block(shape=(40, 30, 20)):
    lungs = np.zeros(shape, dtype=bool)
    lungs[10:30, 8:22, 5:15] = True
    return np.where(lungs, -850, 40).astype(np.int16), lungs


def centroid_mm(weights, image):
    index = [(weights.sum(axis=a) @ np.arange(n)) / weights.sum() for a, n in
             zip([(1, 2), (0, 2), (0, 1)], weights.shape, strict=True)]  # fmt: skip
    return np.array(image.GetOrigin()) + index * np.array(image.GetSpacing())


@pytest.mark.parametrize("spacing", [(1, 1, 1), (0.7, 0.7, 2.5), (3, 2, 1)])
@pytest.mark.parametrize("center", [(15, 12, 8), (27, 19, 12)])
def test_heat_keeps_its_position_in_mm(spacing, center):
    hu, lungs = block()
    heat = np.zeros(hu.shape, np.float32)
    heat[center] = 0.02
    image = build_volume(hu, lungs, heat=heat, spacing_mm=spacing)
    position = centroid_mm(components(image)[1].astype(float), image)
    assert position == pytest.approx(np.multiply(center, spacing), abs=0.1 * max(spacing))


def test_large_scan_is_reduced_and_keeps_its_position():
    lungs = np.zeros((700, 300, 20), dtype=bool)
    lungs[50:650, 20:280, 2:18] = True
    image = build_volume(
        np.full(lungs.shape, -850, np.int16), lungs, heat=None, spacing_mm=(0.5, 0.5, 5)
    )
    assert max(image.GetDimensions()) <= 257
    position = centroid_mm(components(image)[0].astype(float), image)
    assert position == pytest.approx([349.5 * 0.5, 149.5 * 0.5, 9.5 * 5], abs=0.05)


def test_scan_outside_the_lungs_is_removed():
    hu, lungs = block()
    display, heat = components(build_volume(hu, lungs, heat=None, spacing_mm=(1, 1, 1)))
    assert display.max() == 50
    assert heat.max() == 0


def test_layer_that_is_not_drawn_spans_the_scale_in_both_components():
    hu, lungs = block()
    scalars = build_volume(hu, lungs, heat=None, spacing_mm=(1, 1, 1)).GetPointData().GetScalars()
    assert scalars.GetRange(0) == (0, 255)
    assert scalars.GetRange(1) == (0, 255)


def test_heat_is_drawn_as_a_share_of_its_peak_and_not_changed():
    hu, lungs = block()
    heat = np.full(hu.shape, 0.001, np.float32)
    heat[12:28, 10:20, 7:13] = 0.002
    before = heat.copy()
    _, display = components(build_volume(hu, lungs, heat=heat, spacing_mm=(1, 1, 1)))
    assert display.max() == 255
    assert display.min() in (127, 128)
    assert (heat == before).all()


def test_memory_order_does_not_matter():
    hu, lungs = block()
    plain = build_volume(hu, lungs, heat=None, spacing_mm=(1, 1, 2))
    fortran = build_volume(
        np.asfortranarray(hu), np.asfortranarray(lungs), heat=None, spacing_mm=(1, 1, 2)
    )
    assert (components(plain)[0] == components(fortran)[0]).all()


def test_surface_encloses_the_lungs():
    hu, lungs = block()
    points = surface_points(build_volume(hu, lungs, heat=None, spacing_mm=(1, 2, 3)))
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
def test_volumes_that_do_not_fit_are_refused(change, message):
    hu, lungs = block()
    with pytest.raises(ValueError, match=message):
        build_volume(**({"hu": hu, "lungs": lungs, "heat": None, "spacing_mm": (1, 1, 1)} | change))


CAP = 80.0
SIDE_MM = 1.5


def scene():
    """(display, share): nodule with heat in a corner of it, a vessel, another nodule far away."""
    x, y, z = np.indices((60, 40, 40))

    def ball(center, radius):
        return (x - center[0]) ** 2 + (y - center[1]) ** 2 + (z - center[2]) ** 2 < radius**2

    display = np.full(x.shape, 45, np.float32)
    display[ball((18, 20, 20), 9)] = 170
    display[ball((48, 20, 20), 6)] = 170
    display[:, 6:8, 6:8] = 170
    distance = np.sqrt((x - 15) ** 2 + (y - 22) ** 2 + (z - 20) ** 2)
    return display, np.exp(-((distance / 2.5) ** 2) / 2).astype(np.float32)


def test_nodule_that_holds_heat_is_faded_as_a_whole():
    display, share = scene()
    before = display.copy()
    fade_around_heat(display, share, side_mm=SIDE_MM, cap=CAP)
    x, y, z = np.indices(display.shape)
    nodule = (before == 170) & ((x - 18) ** 2 + (y - 20) ** 2 + (z - 20) ** 2 < 9**2)
    assert (display[nodule] <= CAP + 20).mean() > 0.97
    assert (display[~nodule & (before == 170)] == 170).mean() > 0.9
    assert (display[48, 20, 20], display[40, 6, 6]) == (170, 170)


def test_aerated_lung_is_not_changed():
    display, share = scene()
    fade_around_heat(display, share, side_mm=SIDE_MM, cap=CAP)
    assert (display[scene()[0] == 45] == 45).all()


def test_without_heat_nothing_changes():
    display, share = scene()
    fade_around_heat(display, 0 * share, side_mm=SIDE_MM, cap=CAP)
    assert (display == scene()[0]).all()


def test_chest_wall_is_removed_and_vessel_and_nodule_are_kept():
    mask = np.zeros((40, 40, 40), np.float32)
    mask[5:35, 5:35, 5:35] = 1
    display = 50 * mask
    display[5:9] = 170  # 4 mm of chest wall
    display[14:18, 20, 6:34] = 170  # a vessel
    display[22:30, 10:18, 20:28] = 170  # a nodule
    rim = wall_rim(display, mask, side_mm=1.0)
    expected = mask < 0.5
    expected[5:9] = True
    assert (rim == expected).all()


def test_only_six_millimetres_are_removed():
    mask = np.zeros((50, 50, 50), np.float32)
    mask[5:45, 5:45, 5:45] = 1
    rest = ~wall_rim(170 * mask, mask, side_mm=2.0)
    assert rest.sum() == (40 - 2 * 3) ** 3


def test_partly_covered_voxels_do_not_stop_the_removal():
    mask = np.zeros((20, 5, 5), np.float32)
    mask[4], mask[5:15] = 0.6, 1
    display = 50 * mask
    display[4:7] = 170 * mask[4:7]
    assert wall_rim(display, mask, side_mm=1.0)[:7].all()


def test_the_surface_of_the_lungs_is_their_outermost_voxels():
    display = np.zeros((12, 11, 10), np.float32)
    display[2:10, 2:9, 2:8] = 60
    # a nodule at the wall keeps its own value
    display[2:4, 4:6, 4:6] = 180
    marked = surface(display)
    assert marked[2, 2, 2]
    assert marked[9, 8, 7]
    assert not marked[2, 4, 4]
    assert not marked[3:9, 3:8, 3:7].any()
    assert not marked[display == 0].any()
    assert marked.sum() == 8 * 7 * 6 - 6 * 5 * 4 - 4

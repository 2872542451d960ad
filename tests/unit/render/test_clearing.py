import numpy as np

from lungcam.render.clearing import clear_around

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
    clear_around(shown, share, SIDE_MM, HAZE)
    x, y, z = np.indices(shown.shape)
    nodule = (before == 170) & ((x - 18) ** 2 + (y - 20) ** 2 + (z - 20) ** 2 < 9**2)
    assert (shown[nodule] <= HAZE + 20).mean() > 0.97
    assert (shown[~nodule & (before == 170)] == 170).mean() > 0.9
    assert (shown[48, 20, 20], shown[40, 6, 6]) == (170, 170)


def test_aerated_lung_is_left_as_it_is():
    shown, share = scene()
    clear_around(shown, share, SIDE_MM, HAZE)
    assert (shown[scene()[0] == 45] == 45).all()


def test_without_heat_nothing_changes():
    shown, share = scene()
    clear_around(shown, 0 * share, SIDE_MM, HAZE)
    assert (shown == scene()[0]).all()

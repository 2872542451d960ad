"""Draw the golden pictures: `python tests/unit/render/golden_chest.py FOLDER`.

Writes one PNG for each of LOOKS, and prints the class of the window that they were drawn in.
"""

import sys
from pathlib import Path

import numpy as np

from lungcam.render import Outline, RenderOptions, Scene, prepare_content, save_png

LOOKS = {
    "gradient": RenderOptions(preset="gradient", size=192, mapper="software"),
    "otsu_cut": RenderOptions(
        preset="otsu", view="three_quarter", clip="coronal", size=192, mapper="software"
    ),
    "classic_above": RenderOptions(
        preset="classic", colormap="viridis", view="superior", size=192, mapper="software"
    ),
}
SPACING_MM = (3.0, 3.0, 4.0)
SHAPE = (96, 72, 64)
NODULE_MM = (206.0, 104.0, 150.0)
RADIUS_MM = 14.0


def chest():
    """(hu, lungs, heat): two ellipsoids of lung with vessels, and in the right one a nodule."""
    x, y, z = (np.arange(n) * mm for n, mm in zip(SHAPE, SPACING_MM, strict=True))
    x, y, z = np.meshgrid(x, y, z, indexing="ij")
    lungs = np.zeros(SHAPE, bool)
    for middle, height in ((80, 100), (208, 108)):
        away = ((x - middle) / 52) ** 2 + ((y - 108) / 80) ** 2 + ((z - 126) / height) ** 2
        lungs |= away < 1
    hu = np.where(lungs, -850, 40).astype(np.int16)
    for middle in (80, 208):
        for slope in (-0.5, 0.1, 0.7):
            reach = np.abs(z - 126 - slope * (x - middle)) + np.abs(y - 108 - 20 * slope)
            hu[lungs & (reach < 6)] = 20
    nodule = distance((x, y, z)) < RADIUS_MM
    hu[nodule] = 50
    heat = 0.012 * np.exp(-((distance((x, y, z)) / 12) ** 2) / 2)
    return hu, lungs, heat.astype(np.float32)


def distance(places):
    squares = [(p - c) ** 2 for p, c in zip(places, NODULE_MM, strict=True)]
    return np.sqrt(sum(squares))


def main(folder: Path) -> None:
    outlines = [Outline(NODULE_MM, RADIUS_MM)]
    for name, look in LOOKS.items():
        content = prepare_content(*chest(), SPACING_MM, look, outlines=outlines)
        with Scene(content, look) as scene:
            save_png(folder / f"{name}.png", scene.picture(look.view))
            drawn_in = scene.window.GetClassName()
    print(drawn_in)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

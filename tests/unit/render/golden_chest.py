"""Draw the golden pictures: `python tests/unit/render/golden_chest.py FOLDER`.

Writes one PNG for each entry of OPTIONS and prints the class of the window used for drawing.
"""

import sys
from pathlib import Path

import numpy as np

from lungcam.render import (
    Outline,
    PictureInputs,
    RenderOptions,
    Scene,
    prepare_content,
    save_png,
)

OPTIONS = {
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
    """(hu, lungs, heat): two ellipsoids of lung with vessels, and a nodule in the right one."""
    x, y, z = (np.arange(n) * mm for n, mm in zip(SHAPE, SPACING_MM, strict=True))
    x, y, z = np.meshgrid(x, y, z, indexing="ij")
    lungs = np.zeros(SHAPE, bool)
    for middle, height in ((80, 100), (208, 108)):
        radius = ((x - middle) / 52) ** 2 + ((y - 108) / 80) ** 2 + ((z - 126) / height) ** 2
        lungs |= radius < 1
    hu = np.where(lungs, -850, 40).astype(np.int16)
    for middle in (80, 208):
        for slope in (-0.5, 0.1, 0.7):
            offset = np.abs(z - 126 - slope * (x - middle)) + np.abs(y - 108 - 20 * slope)
            hu[lungs & (offset < 6)] = 20
    nodule = distance((x, y, z)) < RADIUS_MM
    hu[nodule] = 50
    heat = 0.012 * np.exp(-((distance((x, y, z)) / 12) ** 2) / 2)
    return hu, lungs, heat.astype(np.float32)


def distance(points):
    squares = [(p - c) ** 2 for p, c in zip(points, NODULE_MM, strict=True)]
    return np.sqrt(sum(squares))


def main(folder: Path) -> None:
    hu, lungs, heat = chest()
    inputs = PictureInputs(
        hu=hu,
        lungs=lungs,
        heat=heat,
        spacing_mm=SPACING_MM,
        outlines=[Outline(NODULE_MM, RADIUS_MM)],
    )
    for name, options in OPTIONS.items():
        with Scene(prepare_content(inputs, options), options) as scene:
            save_png(folder / f"{name}.png", scene.render(options.view))
            window = scene.window.GetClassName()
    print(window)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

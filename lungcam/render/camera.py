"""Where the camera stands around the patient, who faces +y with the head along +z (RAS+).

A small cube in the corner that turns with the patient and names the sides.
"""

from typing import NamedTuple

import numpy as np
import vtkmodules.vtkRenderingFreeType  # noqa: F401  registers the fonts
from vtkmodules.vtkRenderingAnnotation import vtkAnnotatedCubeActor
from vtkmodules.vtkRenderingCore import vtkCamera, vtkRenderer


class View(NamedTuple):
    """Angles in degrees from straight in front.

    `azimuth` carries the camera to the patient's left, `elevation` above.
    """

    azimuth: float
    elevation: float


VIEWS = {
    "anterior": View(20, 10),
    "posterior": View(200, 10),
    "left": View(90, 0),
    "right": View(-90, 0),
    "superior": View(0, 90),
    "three_quarter": View(50, 25),
}
"""Named views. Those from the front and the back stand a little aside, which shows the depth."""


def named_view(view: str | View) -> View:
    """Look a view up by its name; a `View` is taken as it is.

    Raises:
        ValueError: If there is no view of that name.
    """
    if isinstance(view, View):
        return view
    if view not in VIEWS:
        raise ValueError(f"There is no view '{view}': choose one of {', '.join(VIEWS)}.")
    return VIEWS[view]


def axes_of(view: View) -> np.ndarray:
    """Unit vectors of a view in RAS+, one a row: the picture's right, its top, to the camera."""
    azimuth, elevation = np.radians(view)
    right = np.array([-np.cos(azimuth), -np.sin(azimuth), 0.0])
    behind = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    toward = np.cos(elevation) * behind + [0.0, 0.0, np.sin(elevation)]
    return np.array([right, np.cross(toward, right), toward])


def camera_axes(camera: vtkCamera) -> np.ndarray:
    """Likewise of a camera, wherever it was turned to."""
    toward = -np.array(camera.GetDirectionOfProjection())
    right = np.cross(camera.GetViewUp(), toward)
    right /= np.linalg.norm(right)
    return np.array([right, np.cross(toward, right), toward])


def side_letters(right: np.ndarray) -> tuple[str, str]:
    """Letters for the left and right side of a picture, the patient's.

    Args:
        right: `(3,)`, the picture's right in RAS+.
    """
    axis = int(np.abs(right).argmax())
    letters = ("LR", "PA", "IS")[axis]
    return (letters[0], letters[1]) if right[axis] > 0 else (letters[1], letters[0])


def aim(
    camera: vtkCamera,
    view: View,
    *,
    points: np.ndarray,
    aspect: float,
    frame: tuple[float, float, float, float],
) -> None:
    """Set a parallel camera so that a body just fits a part of the picture.

    The room is that of the body turned about its upright axis, so the scale does not change when
    the camera goes round.

    Args:
        camera: The camera to set.
        view: Where it stands.
        points: `(n, 3)` surface of the body, in mm.
        aspect: Width of the whole picture over its height.
        frame: The part to fill as (left, right, bottom, top), each a share of the picture.
    """
    axes = axes_of(view)
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    x, y, z = (points - center).T
    radius = np.hypot(x, y)
    # A turn brings each point to where it is lowest and highest in the picture.
    sideways, upright = np.hypot(*axes[1, :2]), axes[1, 2]
    lowest = (z * upright - radius * sideways).min()
    highest = (z * upright + radius * sideways).max()

    left, right, bottom, top = frame
    scale = max((highest - lowest) / (top - bottom), 2 * radius.max() / (right - left) / aspect)
    # The frame's middle is not the picture's: the camera looks past the body by the difference.
    middle = [(side.min() + side.max()) / 2 for side in ((points - center) @ axes[:2].T).T]
    aside = middle[0] - (left + right - 1) / 2 * aspect * scale
    above = middle[1] - (bottom + top - 1) / 2 * scale
    focus = center + aside * axes[0] + above * axes[1]
    reach = 2 * np.linalg.norm(points - center, axis=1).max()
    camera.ParallelProjectionOn()
    camera.SetParallelScale(scale / 2)
    camera.SetFocalPoint(*focus)
    camera.SetPosition(*(focus + axes[2] * reach))
    camera.SetViewUp(*axes[1])


CORNER = (0.865, 0.845, 0.985, 0.965)
"""Its place as (left, bottom, right, top), each a share of the picture."""

FACE, LETTER = (0.20, 0.24, 0.30), (0.86, 0.88, 0.92)


class OrientationCube:
    """A renderer of its own, in front of the scene's.

    The letters are the patient's: Right, Left, Anterior, Posterior, Superior, Inferior.
    """

    def __init__(self) -> None:
        cube = vtkAnnotatedCubeActor()
        for axis, (plus, minus) in zip("XYZ", ("RL", "AP", "SI"), strict=True):
            getattr(cube, f"Set{axis}PlusFaceText")(plus)
            getattr(cube, f"Set{axis}MinusFaceText")(minus)
            for sign in ("Plus", "Minus"):
                letter = getattr(cube, f"Get{axis}{sign}FaceProperty")()
                letter.SetColor(*LETTER)
                letter.SetAmbient(1.0)
                letter.SetDiffuse(0.0)
        cube.SetFaceTextScale(0.62)
        # upright, seen from its side
        cube.SetXFaceTextRotation(0)
        cube.SetYFaceTextRotation(0)
        cube.SetZFaceTextRotation(-90)
        cube.GetCubeProperty().SetColor(*FACE)
        cube.GetCubeProperty().SetAmbient(0.5)
        cube.GetTextEdgesProperty().SetColor(*LETTER)
        cube.GetTextEdgesProperty().SetLineWidth(1)
        self.renderer = vtkRenderer()
        self.renderer.SetViewport(*CORNER)
        self.renderer.SetLayer(1)
        self.renderer.InteractiveOff()
        self.renderer.AddActor(cube)

    def turn(self, camera: vtkCamera) -> None:
        """Show the cube from the side that a camera looks from."""
        own = self.renderer.GetActiveCamera()
        own.ParallelProjectionOn()
        own.SetParallelScale(0.9)
        own.SetFocalPoint(0, 0, 0)
        own.SetPosition(*(-4 * x for x in camera.GetDirectionOfProjection()))
        own.SetViewUp(*camera.GetViewUp())
        self.renderer.ResetCameraClippingRange()

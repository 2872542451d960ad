"""Views of the patient, the camera that takes them and the cube that names the patient's sides.

In RAS+ the patient faces +y with the head along +z.
"""

from typing import NamedTuple

import numpy as np
import vtkmodules.vtkRenderingFreeType  # noqa: F401  registers the fonts
from vtkmodules.vtkRenderingAnnotation import vtkAnnotatedCubeActor
from vtkmodules.vtkRenderingCore import vtkCamera, vtkRenderer


class View(NamedTuple):
    """Direction of a camera, as angles in degrees from straight in front of the patient.

    Attributes:
        azimuth: Angle towards the patient's left.
        elevation: Angle upwards.
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
"""Views by name. The anterior and posterior views are slightly oblique, which shows depth."""

CUBE_VIEWPORT = (0.865, 0.845, 0.985, 0.965)
"""Viewport of the cube as (left, bottom, right, top), each a share of the picture."""

CUBE_FACE_COLOR, CUBE_LETTER_COLOR = (0.20, 0.24, 0.30), (0.86, 0.88, 0.92)


def named_view(view: str | View) -> View:
    """Look up a view by its name; a `View` is returned unchanged.

    Raises:
        ValueError: If there is no view of that name.
    """
    if isinstance(view, View):
        return view
    if view not in VIEWS:
        raise ValueError(f"There is no view '{view}': choose one of {', '.join(VIEWS)}.")
    return VIEWS[view]


def view_axes(view: View) -> np.ndarray:
    """Return the axes of a view in RAS+.

    Returns:
        `(3, 3)` unit vectors as rows: the picture's right, its top, towards the camera.
    """
    azimuth, elevation = np.radians(view)
    right = np.array([-np.cos(azimuth), -np.sin(azimuth), 0.0])
    behind = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    toward = np.cos(elevation) * behind + [0.0, 0.0, np.sin(elevation)]
    return np.array([right, np.cross(toward, right), toward])


def camera_axes(camera: vtkCamera) -> np.ndarray:
    """Return the axes of a camera in RAS+, as `view_axes` returns those of a view."""
    toward = -np.array(camera.GetDirectionOfProjection())
    right = np.cross(camera.GetViewUp(), toward)
    right /= np.linalg.norm(right)
    return np.array([right, np.cross(toward, right), toward])


def side_letters(right: np.ndarray) -> tuple[str, str]:
    """Return the letters of the patient's sides at the left and right edge of a picture.

    Args:
        right: `(3,)` direction of the picture's right in RAS+.
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
    """Set a parallel camera so that an object just fits a part of the picture.

    The scale leaves room for the object turned about its vertical axis, so it does not change when
    the azimuth does.

    Args:
        camera: Camera to set.
        view: Direction of the camera.
        points: `(n, 3)` surface of the object, in mm.
        aspect: Width of the whole picture over its height.
        frame: Part to fill as (left, right, bottom, top), each a share of the picture.
    """
    axes = view_axes(view)
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    x, y, z = (points - center).T
    radius = np.hypot(x, y)
    # a full turn takes each point through its lowest and highest position in the picture
    horizontal, vertical = np.hypot(*axes[1, :2]), axes[1, 2]
    lowest = (z * vertical - radius * horizontal).min()
    highest = (z * vertical + radius * horizontal).max()

    left, right, bottom, top = frame
    scale = max((highest - lowest) / (top - bottom), 2 * radius.max() / (right - left) / aspect)
    # the frame is not centred in the picture: shift the focal point by the difference
    middle = [(side.min() + side.max()) / 2 for side in ((points - center) @ axes[:2].T).T]
    shift_right = middle[0] - (left + right - 1) / 2 * aspect * scale
    shift_up = middle[1] - (bottom + top - 1) / 2 * scale
    focus = center + shift_right * axes[0] + shift_up * axes[1]
    distance = 2 * np.linalg.norm(points - center, axis=1).max()
    camera.ParallelProjectionOn()
    camera.SetParallelScale(scale / 2)
    camera.SetFocalPoint(*focus)
    camera.SetPosition(*(focus + axes[2] * distance))
    camera.SetViewUp(*axes[1])


class OrientationCube:
    """Cube in a corner of the picture that turns with the patient, in a renderer of its own.

    Its letters name the patient's sides: Right, Left, Anterior, Posterior, Superior, Inferior.
    """

    def __init__(self) -> None:
        cube = vtkAnnotatedCubeActor()
        for axis, (plus, minus) in zip("XYZ", ("RL", "AP", "SI"), strict=True):
            getattr(cube, f"Set{axis}PlusFaceText")(plus)
            getattr(cube, f"Set{axis}MinusFaceText")(minus)
            for sign in ("Plus", "Minus"):
                letter = getattr(cube, f"Get{axis}{sign}FaceProperty")()
                letter.SetColor(*CUBE_LETTER_COLOR)
                letter.SetAmbient(1.0)
                letter.SetDiffuse(0.0)
        cube.SetFaceTextScale(0.62)
        # keep the letters upright in a view of their face
        cube.SetXFaceTextRotation(0)
        cube.SetYFaceTextRotation(0)
        cube.SetZFaceTextRotation(-90)
        cube.GetCubeProperty().SetColor(*CUBE_FACE_COLOR)
        cube.GetCubeProperty().SetAmbient(0.5)
        cube.GetTextEdgesProperty().SetColor(*CUBE_LETTER_COLOR)
        cube.GetTextEdgesProperty().SetLineWidth(1)
        self.renderer = vtkRenderer()
        self.renderer.SetViewport(*CUBE_VIEWPORT)
        self.renderer.SetLayer(1)
        self.renderer.InteractiveOff()
        self.renderer.AddActor(cube)

    def update(self, camera: vtkCamera) -> None:
        """Turn the cube to the direction of the scene's camera."""
        cube_camera = self.renderer.GetActiveCamera()
        cube_camera.ParallelProjectionOn()
        cube_camera.SetParallelScale(0.9)
        cube_camera.SetFocalPoint(0, 0, 0)
        cube_camera.SetPosition(*(-4 * x for x in camera.GetDirectionOfProjection()))
        cube_camera.SetViewUp(*camera.GetViewUp())
        self.renderer.ResetCameraClippingRange()

"""A small cube in the corner that turns with the patient and names the sides."""

import vtkmodules.vtkRenderingFreeType  # noqa: F401  registers the fonts
from vtkmodules.vtkRenderingAnnotation import vtkAnnotatedCubeActor
from vtkmodules.vtkRenderingCore import vtkCamera, vtkRenderer

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

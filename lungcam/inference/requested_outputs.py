"""Which files are wanted of a scan."""

from dataclasses import dataclass, field

from lungcam.render import RenderOptions


@dataclass(frozen=True, kw_only=True)
class RequestedOutputs:
    """Which files are wanted beside prediction.json and the heat-map.

    Attributes:
        masks: mask.nii.gz and lungs.nii.gz.
        picture: render.png.
        erase: erased.nii.gz, and what became of the logit.
        turntable: turntable.gif.
        report: report.html.
        dicom: heatmap.dcm, heatmap_slices/, mask.dcm and lungs.dcm.
        interactive: A window to turn the volume in, when all else is written.
        look: How pictures look.
    """

    masks: bool
    picture: bool
    erase: bool = False
    turntable: bool = False
    report: bool = False
    dicom: bool = False
    interactive: bool = False
    look: RenderOptions = field(default_factory=RenderOptions)

    @property
    def drawn(self) -> bool:
        """Whether anything is wanted that hangs on how pictures look."""
        return self.picture or self.turntable or self.report

    @property
    def volumes(self) -> bool:
        """Whether anything is made from the scan's own voxels or from its masks."""
        return self.masks or self.drawn or self.dicom or self.erase or self.interactive

"""Files that a command requests for a scan."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lungcam.config.options import RenderOptions
from lungcam.inference.prior_results import PriorResult


@dataclass(frozen=True, kw_only=True)
class RequestedOutputs:
    """Files requested in addition to prediction.json and the heat-map.

    Attributes:
        masks: mask.nii.gz and lungs.nii.gz, and the task's further heat-maps.
        picture: render.png.
        erase: erased.nii.gz, and the change of the logit.
        turntable: turntable.gif.
        report: report.html.
        prior: Earlier results, for the report.
        dicom: heatmap.dcm, heatmap_slices/, mask.dcm and lungs.dcm.
        keep_patient: Attributes of patient and study are copied into them.
        lesions: Masks of lesions are read and checked: for a localisation, or to erase them.
        interactive: A window to turn the volume in, once all files are written.
        render: Options of the pictures.
    """

    masks: bool
    picture: bool
    erase: bool = False
    turntable: bool = False
    report: bool = False
    prior: Sequence[PriorResult] = ()
    dicom: bool = False
    keep_patient: bool = False
    lesions: bool = False
    interactive: bool = False
    render: RenderOptions = field(default_factory=RenderOptions)

    @property
    def drawn(self) -> bool:
        """True if a file depends on the render options."""
        return self.picture or self.turntable or self.report

    @property
    def volumes(self) -> bool:
        """True if anything is made from the scan's own voxels or from its masks."""
        return self.masks or self.drawn or self.dicom or self.erase or self.interactive

"""Reading of a mask of any kind."""

from pathlib import Path

from lungcam.errors import InputError
from lungcam.masks.dicom_segmentation import LABEL_MAP, SEGMENTATION, read_segmentation
from lungcam.masks.label_map import read_label_map
from lungcam.masks.mask import Mask, MaskFault
from lungcam.masks.structure_set import STRUCTURE_SET, read_structure_set
from lungcam.scans import Scan
from lungcam.scans.dicom_header import is_dicom, read_header
from lungcam.scans.discover import VOLUME_SUFFIXES, is_volume_file
from lungcam.scans.silence import silence

KINDS = f"a DICOM SEG or RTSTRUCT, or one of {', '.join(VOLUME_SUFFIXES)}"


def read_mask(file: Path, scan: Scan, *, segment: str | None = None) -> Mask:
    """Read a mask; where it lies is not checked, see `lungcam.masks.placement`.

    Args:
        file: DICOM SEG or RTSTRUCT, a folder with nothing else, or a volume file.
        scan: Scan that it belongs to.
        segment: Segment, region or label: its name or number; several are joined by commas.

    Raises:
        MaskFault: The mask cannot be read.
    """
    file = _only_file(file)
    with silence():
        try:
            if is_volume_file(file):
                return read_label_map(file, segment)
            if not is_dicom(file):
                raise MaskFault(f"it is not a mask that is read; give {KINDS}")
            sop_class = read_header(file).sop_class
            if sop_class in (SEGMENTATION, LABEL_MAP):
                return read_segmentation(
                    file,
                    segment,
                    slice_mm=scan.grid.spacing_mm[2],
                    series_uid=scan.series_uid or "",
                )
            if sop_class == STRUCTURE_SET:
                return read_structure_set(file, scan.grid, roi=segment)
        except (MaskFault, InputError):
            raise
        except OSError as error:
            raise MaskFault(f"it cannot be opened ({error.strerror or 'truncated'})") from error
        # pydicom and nibabel raise nearly any error for damaged bytes
        except Exception as error:
            raise MaskFault("it is damaged") from error
    raise MaskFault(f"it is a DICOM file of another kind; give {KINDS}")


def _only_file(path: Path) -> Path:
    """Return the only DICOM file of a folder, as archives store SEG and RTSTRUCT; else the path."""
    if not path.exists():
        raise MaskFault("there is no such file")
    if not path.is_dir():
        return path
    files = [file for file in sorted(path.iterdir()) if is_dicom(file)]
    if len(files) != 1:
        raise MaskFault(f"it is a folder with {len(files)} DICOM files; give {KINDS}")
    return files[0]

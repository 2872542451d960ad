# ruff: noqa: E501
"""Catalogue of what is read, repaired, skipped, flagged and refused; docs/reference.md holds it.

`python -m lungcam.scans.catalogue` prints the tables of the documentation.
"""

from dataclasses import dataclass

from lungcam.findings import Outcome

AGAIN = "export or copy it again"
ONE = "keep one reconstruction and acquisition per folder, or choose by `series=`"


@dataclass(frozen=True)
class Form:
    """A form of scan that is read.

    Attributes:
        name: Suffix or object.
        conditions: What is read, and where the place of its voxels comes from.
    """

    name: str
    conditions: str


@dataclass(frozen=True)
class Fault:
    """A finding of a check.

    Attributes:
        code: Code of the finding.
        outcomes: Its outcomes.
        meaning: What was found, and what was done about it.
        remedy: What the user can do; empty if nothing is to be done.
    """

    code: str
    outcomes: tuple[Outcome, ...]
    meaning: str
    remedy: str = ""


FORMS = (
    Form("folder of DICOM slices", "CT Image Storage, uncompressed, deflated, RLE, JPEG, JPEG lossless, JPEG-LS or JPEG 2000, little or big endian, MONOCHROME1 or 2. Order, spacing and place by ImagePositionPatient and ImageOrientationPatient. Folders below and links to folders are searched, each folder once; a DICOMDIR of any name stands for its folder"),
    Form("Enhanced CT", "a multi-frame file or a folder with it, uncompressed or RLE: each frame by its own place and scale. DICOM objects cannot be written for it"),
    Form(".nii, .nii.gz", "NIfTI 1 and 2 in either byte order. Place by the sform, else the qform; lengths in mm unless the file gives m or µm; `scl_slope` of 0 or NaN is no scale"),
    Form(".hdr with .img", "the same as a pair of files, either compressed; Analyze 7.5 is refused"),
    Form(".mha, .mhd", "MetaImage, compressed or not, booleans as MetaIO reads them. Place by TransformMatrix, Offset and ElementSpacing, all of them required"),
    Form(".nrrd, .nhdr", "NRRD in every encoding that ITK reads. Place by space (LPS, RAS, LAS or their names), space directions and space origin, all of them required; space units in mm, cm, m or µm"),
    Form(".npy", "a nodule block as LUNA25 gives it: `image/NAME.npy` with its place in `metadata/NAME.npy`; of the latter only numbers are read, no code. A .npy file without it is refused"),
    Form(".zip, .tar, .tar.gz, .tgz", "an archive of a series or a volume file, given as the scan itself; unpacked into a temporary folder, at most 8 GiB, 20,000 files and 500 times its size"),
    Form("four dimensions", "any volume file with a fourth axis of length 1; of a longer axis, one volume by `time=K` (from 0)"),
    Form("tables", "UTF-8, separated by commas, semicolons or tabs; in the latter two, `12,5` is a number. TRUE and FALSE are 1 and 0"),
)  # fmt: skip

FAULTS = (
    # path
    Fault("not_found", ("refused",), "nothing is at the path", "check `scan=`"),
    Fault("not_a_scan", ("refused",), "a file of another kind, or a single DICOM slice", "give the folder of the series"),
    Fault("no_scan", ("refused",), "no scan lies below the folder", "give a folder with a CT series"),
    Fault("several_scans", ("refused",), "several scans lie below the folder; they are listed with their series", "give one of them, or `series=UID`"),
    Fault("no_such_series", ("refused",), "no slice has the UID given as `series=`", "choose one that is listed"),
    Fault("no_such_time", ("refused",), "the file holds fewer volumes than `time=` asks for", "choose one of them"),
    Fault("unsafe_archive", ("refused",), "an archive beyond these bounds, or with a file that would be written elsewhere", "unpack it and give the folder"),
    Fault("no_ct", ("refused",), "no CT image", "give the slices of a CT series"),
    # files
    Fault("empty_file", ("refused", "skipped"), "a file of zero bytes or a broken link: refused if it is named like a slice", AGAIN),
    Fault("unreadable", ("refused", "skipped"), "a file or folder that cannot be opened: refused if it is named like a slice", "check access rights"),
    Fault("damaged_file", ("refused",), "a header, checksum or compression is damaged", AGAIN),
    Fault("too_large", ("refused",), "more voxels than `LUNGCAM_SCAN_GB` allows (4.5 GB of HU: 2,000 slices of 1024 x 1024), or more than the bytes of the file can hold by the rules of its compression", "export the chest alone; raise the setting if the scan is real"),
    Fault("truncated_file", ("refused",), "the file ends within its header or pixels", AGAIN),
    Fault("undecodable", ("refused",), "compressed pixels that no decoder reads", AGAIN),
    Fault("stray_file", ("skipped",), "files that are no DICOM", ""),
    Fault("skipped_folder", ("skipped",), "folders of other objects than CT slices", ""),
    # headers of slices
    Fault("no_modality", ("refused",), "slices without Modality", AGAIN),
    Fault("no_series_uid", ("refused",), "slices without SeriesInstanceUID, or with a word that means none", AGAIN),
    Fault("no_position", ("refused",), "slices without ImagePositionPatient; a MetaImage without Offset, an NRRD without space origin. 0 is never assumed", AGAIN),
    Fault("no_orientation", ("refused",), "no valid direction of the axes: in a slice; NIfTI with neither sform nor qform, Analyze, MetaImage without TransformMatrix, NRRD without space or space directions. None is ever assumed", AGAIN),
    Fault("bad_pixel_spacing", ("refused",), "no valid distance of voxels, or one in an unknown unit. 1 mm is never assumed", AGAIN),
    Fault("no_size", ("refused",), "slices without Rows and Columns", AGAIN),
    Fault("no_pixel_data", ("refused",), "no pixels, or their file is missing", "copy the data file, too"),
    Fault("pixel_mismatch", ("refused",), "more pixels than the header says", AGAIN),
    Fault("bad_bits", ("refused",), "BitsAllocated, BitsStored, HighBit or PixelRepresentation is missing or impossible", AGAIN),
    Fault("no_rescale", ("refused",), "no RescaleSlope and RescaleIntercept, or a slope of 0 or less; in NIfTI a scale that is no number", "export the series from the scanner's archive"),
    Fault("rescale_type", ("refused",), "values of another quantity than HU", "give the series in HU"),
    Fault("odd_rescale_type", ("flagged",), "an unknown RescaleType", "check the values"),
    Fault("lossy", ("flagged",), "compressed with loss at some time", "use the series as acquired"),
    # other objects
    Fault("wrong_modality", ("refused", "skipped"), "objects of another modality; refused if there is no CT", "give a CT series"),
    Fault("localizer", ("refused", "skipped"), "localizers; refused if there is nothing else", "give a CT series"),
    Fault("projection", ("refused", "skipped"), "projections and renderings; refused if there is nothing else", "give a CT series"),
    Fault("screen_save", ("refused", "skipped"), "secondary captures; refused if there is nothing else", "give a CT series"),
    Fault("multi_frame", ("refused", "skipped"), "images of many frames that are no Enhanced CT; refused if there is nothing else", "convert it to one file per slice or to NIfTI"),
    Fault("colour", ("refused", "skipped"), "colours, vectors or complex values", "export the CT as a 3D volume"),
    # stack of slices
    Fault("missing_slices", ("refused",), "a gap as wide as several slices", "complete the series"),
    Fault("uneven_spacing", ("refused",), "a gap off by over 10 % and 0.105 mm (positions rounded to 0.1 mm are even), or a slice over half a spacing off its even position", "complete the series"),
    Fault("mixed_gaps", ("flagged",), "parts of the series have different spacings, such as 3 mm in the chest and 6 mm below: the evenly spaced part with most slices was read", "check that it holds both lungs whole"),
    Fault("gantry_tilt", ("refused", "repaired"), "slices or axes sheared by over 1 mm: up to 45 degrees they are straightened by interpolation within each slice, unless `tilt=refuse`; DICOM objects cannot be written then", "resample the volume upright"),
    Fault("shifted_slices", ("refused",), "a slice over 1 mm sideways of the others", ONE),
    Fault("duplicate_positions", ("refused", "repaired"), "slices at the position of another: the first is kept if the pixels are equal, refused if not", ONE),
    Fault("mixed_acquisitions", ("refused",), "slices of several acquisitions that alternate, by AcquisitionNumber, times, InstanceNumber, kVp, thickness, cardiac phase, frame of reference or study. Acquisitions that follow one another are one volume", ONE),
    Fault("alternating_slices", ("refused", "flagged"), "neighbouring slices differ as much as slices two apart (flagged from 0.85 times, refused from 1.1; real scans: 0.55 to 0.66)", ONE),
    Fault("several_studies", ("flagged",), "slices of one series that name several studies, one after another", "check that all belong together"),
    Fault("mixed_series", ("skipped",), "slices of another series: that with most slices is read, then the thinnest spacing, then the smallest UID", "choose by `series=`"),
    Fault("mixed_size", ("refused", "skipped"), "slices of another size; refused if slices are missing without them", ONE),
    Fault("mixed_orientation", ("refused", "skipped"), "likewise of another orientation", ONE),
    Fault("mixed_spacing", ("refused", "skipped"), "likewise of another pixel spacing", ONE),
    Fault("mixed_kernel", ("refused", "skipped"), "likewise of another kernel", ONE),
    Fault("image_2d", ("refused",), "a single slice", "give the whole series"),
    Fault("too_few_slices", ("refused",), "under 10 slices or 100 mm, where a whole chest is expected", "give the whole series"),
    Fault("implausible_spacing", ("refused",), "voxels under 0.1 mm, or over 10 mm (the longest side: 30 mm)", "export the volume with its spacing in mm"),
    # volume files
    Fault("singular_orientation", ("refused",), "axes that do not span the space", AGAIN),
    Fault("doubtful_header", ("refused",), "a field of place or values that occurs twice with different contents, or that changes values or lengths and is ignored by readers", AGAIN),
    Fault("assumed_space", ("flagged",), "an NRRD of four dimensions that names no space, as ITK writes it: taken as LPS", "check left and right"),
    Fault("orientation_conflict", ("flagged",), "sform and qform differ by over 1 mm at a corner; the sform is used", "check left and right"),
    Fault("spacing_conflict", ("flagged",), "pixdim and sform differ by over 1 mm at the last voxel; the sform is used", "check the size of the lungs"),
    Fault("split_volume", ("refused",), "a MetaImage with a file per slice, or with text", "write one binary file"),
    Fault("not_3d", ("refused",), "several volumes in one file", "choose one by `time=`"),
    Fault("not_finite", ("refused",), "NaN or infinite values within the image", AGAIN),
    # values
    Fault("padding", ("repaired",), "values at or below -1500 HU, PixelPaddingValue, and NaN around the image were set to -1024 HU", ""),
    Fault("int16_overflow", ("refused", "repaired"), "values above 32767 HU: at most 0.1 % are metal and set to 32767; more, or values of 61440 to 65535 (negative HU without their sign), are refused", "convert the values to HU"),
    Fault("not_hu", ("refused",), "a whole chest with under 5 % of air and lung or of soft tissue; a crop that is never below 0, hardly varies, or holds lung only after 1000 or 1024 is subtracted; values that ran over 16 bits", "convert the values to HU"),
    Fault("no_lung_values", ("flagged",), "a crop without lung, so that nothing shows whether its values are HU or HU plus a constant", "check that soft tissue is near 40 HU"),
)  # fmt: skip


def forms_table() -> str:
    """Return the table of what is read, in Markdown."""
    rows = [f"| {form.name} | {form.conditions} |" for form in FORMS]
    return "\n".join(["| Form | What is read |", "|---|---|", *rows])


def faults_table() -> str:
    """Return the table of findings, in Markdown."""
    rows = [
        f"| `{fault.code}` | {', '.join(fault.outcomes)} | {fault.meaning} | {fault.remedy or '-'} |"
        for fault in FAULTS
    ]
    return "\n".join(
        ["| Code | Outcome | What was found | What to do |", "|---|---|---|---|", *rows]
    )


if __name__ == "__main__":
    print(forms_table(), faults_table(), sep="\n\n")

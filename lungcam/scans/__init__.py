"""Reading and checking of CT scans, and writing of volumes.

A scan is read correctly or refused in one line. `lungcam.findings` defines the outcomes; the fault
codes are:

Refused:

- path: not_found, not_a_scan, no_scan, several_scans, no_such_series, no_ct
- files: empty_file and unreadable (if named like a slice, otherwise skipped), damaged_file,
  truncated_file (in the header or in the pixels)
- slice header: no_modality, no_series_uid, no_position, no_orientation, bad_pixel_spacing,
  no_size, no_pixel_data, pixel_mismatch, bad_bits, no_rescale (missing, or a slope of 0 or less),
  rescale_type (a quantity other than HU), undecodable
- stack of slices: missing_slices, uneven_spacing (a gap off by more than 10 % and 0.1 mm, or a
  slice more than half a spacing off its even position), gantry_tilt and shifted_slices (more than
  1 mm sideways), duplicate_positions with different pixels, image_2d, too_few_slices (whole chest
  only: under 10 slices or under 100 mm), implausible_spacing
- volume file: no_orientation (NIfTI with neither sform nor qform, MetaImage without a matrix,
  NRRD without space and directions), singular_orientation, gantry_tilt (sheared axes),
  bad_pixel_spacing, no_pixel_data, pixel_mismatch, split_volume, not_3d, colour (or vector or
  complex values), not_finite
- values: int16_overflow (above 32767 HU), not_hu (see `hounsfield.check_values`)

Repaired:

- duplicate_positions with the same pixels: the first slice is kept
- padding: values at or below -1500 HU are set to -1024 HU. So is PixelPaddingValue if its HU is at
  most -1000 or at least 3072; another PixelPaddingValue only where it is connected to the image
  corners, and only if all voxels of the four corner columns hold it

Skipped next to CT slices, refused if there are none: wrong_modality, localizer, projection,
screen_save, multi_frame, colour.

Skipped: stray_file, skipped_folder, mixed_series; also mixed_size, mixed_orientation, mixed_spacing
and mixed_kernel, which are refused if slices are missing from the chosen stack (see
`slice_geometry` for the choice).

Flagged: lossy, odd_rescale_type, orientation_conflict (sform and qform differ by more than 1 mm;
the sform is used).
"""

from lungcam.scans.discover import Source, discover, scan_name
from lungcam.scans.read import check_scan, read_scan, write_volume
from lungcam.scans.scan import Scan

__all__ = [
    "Scan",
    "Source",
    "check_scan",
    "discover",
    "read_scan",
    "scan_name",
    "write_volume",
]

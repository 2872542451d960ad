"""Read a scan right, or refuse it in one line; write a volume.

Faults by code, with what becomes of them. Refused:

- the path: not_found, not_a_scan, no_scan, several_scans, no_such_series, no_ct
- files: empty_file and unreadable (if named like a slice, else skipped), damaged_file,
  truncated_file (in the header or in the pixels)
- a slice's header: no_modality, no_series_uid, no_position, no_orientation, bad_pixel_spacing,
  no_size, no_pixel_data, pixel_mismatch, bad_bits, no_rescale (missing, or a slope of 0 or less),
  rescale_type (a quantity that is not HU), undecodable
- the stack: missing_slices, uneven_spacing (by more than 10 % and 0.1 mm, or half a spacing off its
  place in all), gantry_tilt and shifted_slices (by more than 1 mm sideways), duplicate_positions
  with other pixels, image_2d, too_few_slices (a whole chest: under 10 or under 100 mm),
  implausible_spacing
- volume files: no_orientation (NIfTI with neither sform nor qform, MetaImage without a matrix,
  NRRD without space and directions), singular_orientation, gantry_tilt (sheared axes),
  bad_pixel_spacing, no_pixel_data, pixel_mismatch, split_volume, not_3d, colour (or vector or
  complex), not_finite
- values: int16_overflow (above 32767 HU), not_hu (see `hounsfield.check_values`)

Repaired:

- duplicate_positions with the same pixels: the first slice is kept
- padding: what lies at or below -1500 HU becomes -1024 HU; so does PixelPaddingValue where its HU
  is at most -1000 or at least 3072 and, joined to the corners, where all four corner columns hold
  just it

Skipped beside a CT slice, refused if there is none: wrong_modality, localizer, projection,
screen_save, multi_frame, colour. Skipped: stray_file, skipped_folder, mixed_series; and mixed_size,
mixed_orientation, mixed_spacing, mixed_kernel, which are refused where the stack that is taken has
holes (see `stack` for which one is).

Flagged: lossy, odd_rescale_type, orientation_conflict (sform and qform differ by over 1 mm; the
sform is taken).
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

"""The recipe as a user would write it with SimpleITK."""

import numpy as np
import SimpleITK as sitk

from benchmarks.plain import MARGIN_MM, SECOND_LUNG_SHARE, THRESHOLD_HU


def itk_input(image: sitk.Image, size: int = 128) -> np.ndarray:
    """Mask the lungs, crop and normalise them, with linear interpolation.

    Args:
        image: int16 HU.
        size: Side of the cube.

    Returns:
        `(size, size, size)` float32.
    """
    extent_mm = np.multiply(image.GetSize(), image.GetSpacing())
    fine = _resample(image, np.rint(extent_mm).astype(int).tolist())
    mask = _mask(fine)
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(mask)
    box = shape.GetBoundingBox(1)
    fine = sitk.RegionOfInterest(sitk.Cast(fine, sitk.sitkFloat32), box[3:], box[:3])
    mask = sitk.RegionOfInterest(mask, box[3:], box[:3])
    values = sitk.LabelStatisticsImageFilter()
    values.Execute(fine, mask)
    normal = sitk.ShiftScale(fine, -values.GetMean(1), 1 / values.GetSigma(1), sitk.sitkFloat32)
    return sitk.GetArrayFromImage(_resample(sitk.Mask(normal, mask), [size] * 3, 0))


def _mask(fine: sitk.Image) -> sitk.Image:
    air = sitk.BinaryThreshold(fine, -32768, THRESHOLD_HU)
    # the largest component gets label 1
    pockets = sitk.RelabelComponent(sitk.ConnectedComponent(air))
    labels = sitk.GetArrayViewFromImage(pockets)
    border = set(np.unique(labels[:, [0, -1]])) | set(np.unique(labels[:, :, [0, -1]]))
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(pockets)
    largest, *others = [label for label in shape.GetLabels() if label not in border]
    lungs = pockets == largest
    pixels = shape.GetNumberOfPixels
    if others and pixels(others[0]) > SECOND_LUNG_SHARE * pixels(largest):
        lungs |= pockets == others[0]
    slices = [sitk.BinaryFillhole(lungs[:, :, k]) for k in range(lungs.GetDepth())]
    filled = sitk.JoinSeries(slices, lungs.GetOrigin()[2], lungs.GetSpacing()[2])
    filled.CopyInformation(lungs)
    return sitk.BinaryDilate(filled, [round(MARGIN_MM)] * 3, sitk.sitkBall)


def _resample(image: sitk.Image, size: list[int], outside: float = -1024) -> sitk.Image:
    ratio = np.divide(image.GetSize(), size)
    # the outer faces of both grids coincide, not the centres of their first voxels
    origin = image.TransformContinuousIndexToPhysicalPoint(((ratio - 1) / 2).tolist())
    return sitk.Resample(
        image,
        size,
        sitk.Transform(),
        sitk.sitkLinear,
        origin,
        np.multiply(ratio, image.GetSpacing()).tolist(),
        image.GetDirection(),
        outside,
    )

"""The size of a compressed image, next to that of images that an encoder wrote."""

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from pydicom.encaps import generate_frames

from lungcam.scans.codestream import ImageSize, image_size


@pytest.mark.parametrize("kind", ["JPEG2000", "JPEG"])
@pytest.mark.parametrize("shape", [(16, 24), (31, 17)])
def test_the_size_is_that_of_the_encoder(tmp_path, kind, shape):
    values = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint16)
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetFileName(str(tmp_path / "a.dcm"))
    writer.SetUseCompression(True)
    writer.SetCompressor(kind)
    writer.Execute(sitk.GetImageFromArray(values))
    data = dcmread(tmp_path / "a.dcm")
    code = next(generate_frames(data.PixelData, number_of_frames=1))
    assert image_size(code) == ImageSize(*shape, 1)


@pytest.mark.parametrize(
    "code",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xc3\x00",
        b"\xff\xd8\xff\xe0\x00\x00" * 3,
        b"\xff\xd8\xff\xff\xff\xff",
        b"\xff\x4f\xff\x51\x00",
        b"noise" * 100,
    ],
)
def test_other_bytes_have_no_size(code):
    assert image_size(code) is None

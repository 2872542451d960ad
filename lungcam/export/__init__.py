"""Trained nets as files of other programs: ONNX and `torch.export`."""

from lungcam.export.description import describe
from lungcam.export.formats import FORMATS, KEY, export_net, read_description

__all__ = ["FORMATS", "KEY", "describe", "export_net", "read_description"]

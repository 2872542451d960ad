"""Reports for people: HTML pages, figures, tables and sheets."""

from lungcam.report.hparams import log_hparams
from lungcam.report.mask_sheet import Thumbnail, write_sheet

__all__ = ["Thumbnail", "log_hparams", "write_sheet"]

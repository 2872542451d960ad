"""What a person looks at after a run: sheets, tables, figures."""

from lungcam.report.sheet import Thumbnail, write_sheet

__all__ = ["Thumbnail", "write_sheet"]

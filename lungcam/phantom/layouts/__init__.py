"""Layouts of public data sets, written with phantoms."""

from lungcam.phantom.layouts.tree import LAYOUTS, train_command, write_layout

__all__ = ["LAYOUTS", "train_command", "write_layout"]

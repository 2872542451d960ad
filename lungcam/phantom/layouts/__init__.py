"""Phantoms written as trees in the layouts of public data sets."""

from lungcam.phantom.layouts.tree import LAYOUTS, train_command, write_layout

__all__ = ["LAYOUTS", "train_command", "write_layout"]

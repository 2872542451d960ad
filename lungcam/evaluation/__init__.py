"""Evaluation of a trained net: predictions, localisation, checks of heat-maps, erasure, reports."""

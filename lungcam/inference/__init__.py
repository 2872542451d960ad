"""Inference: a trained net applied to one scan or to many, and the files written for each."""

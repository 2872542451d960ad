"""Workflows of the project: train, cross-validate, prepare, infer."""

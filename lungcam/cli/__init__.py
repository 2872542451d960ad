"""Command line: train.py and infer.py, and the commands of `python -m lungcam`."""

"""Benchmarks of lungcam against what a user would write or pick instead.

`python -m benchmarks` runs all and writes BENCHMARKS.md; `python -m benchmarks.lung_mask`,
`slices`, `tumour_kept`, `reading`, `catalogue`, `epoch`, `planted`, `explaining`, `many` and
`rendering` run one and print it.
"""

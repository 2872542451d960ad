"""lungcam beside what a user would write or pick instead; figures in BENCHMARKS.md.

`python -m benchmarks` runs all and writes BENCHMARKS.md; `python -m benchmarks.lung_mask`,
`slices`, `tumour_kept`, `reading`, `catalogue`, `epoch`, `planted`, `explaining`, `many` and
`rendering` run one and print it.
"""

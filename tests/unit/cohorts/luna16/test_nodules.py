"""Nodules and excluded findings in the scan of each LUNA16 sample."""

from lungcam.cohorts.luna16.cohort import luna16_cohort

UID = "1.3.6.1.4.1.14519.5.2.1.6279.6001.111"
OTHER = "1.3.6.1.4.1.14519.5.2.1.6279.6001.222"


def test_samples_list_the_nodules_and_excluded_findings_of_their_scan(luna, table):
    root = luna({UID: (0, None), OTHER: (1, None)})
    nodules = [(UID, 1, 2, -290, 8.0), (UID, -5, -6, -280, 5.0)]
    table(root / "annotations.csv", "diameter_mm", nodules)
    table(
        root / "annotations_excluded.csv",
        "diameter_mm",
        [(UID, 9, 9, -285, -1), (OTHER, 0, 0, -290, 4)],
    )
    cohort = luna16_cohort(root, unit="scan")
    first, second = sorted(cohort.samples, key=lambda sample: sample.series_uid)
    assert [(nodule.center_mm, nodule.diameter_mm, nodule.counts) for nodule in first.nodules] == [
        ((-1.0, -2.0, -290.0), 8.0, True),
        ((5.0, 6.0, -280.0), 5.0, True),
        # an unmeasured finding takes 10 mm, as in LUNA16's evaluation
        ((-9.0, -9.0, -285.0), 10.0, False),
    ]
    assert [nodule.counts for nodule in second.nodules] == [False]


def test_nodules_are_listed_without_the_table_of_excluded_findings(luna, table):
    root = luna({UID: (0, None)})
    table(root / "annotations.csv", "diameter_mm", [(UID, 1, 2, -290, 8.0)])
    (sample,) = luna16_cohort(root, unit="scan").samples
    assert [nodule.counts for nodule in sample.nodules] == [True]

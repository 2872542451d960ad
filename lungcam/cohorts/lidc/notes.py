"""What is to be said of the cohort: what was left out, and what stood in for what."""

from collections import Counter
from collections.abc import Sequence

from lungcam.cohorts.catalogue import Series
from lungcam.cohorts.lidc.label import LabelRule
from lungcam.cohorts.lidc.mentions import Mentions
from lungcam.cohorts.lidc.samples import Read
from lungcam.cohorts.sample import Sample

NAMED = 5


def tell(
    series: Sequence[Series],
    mentions: Mentions,
    read: Sequence[Read],
    samples: Sequence[Sample],
    rule: LabelRule,
    unit: str,
) -> list[str]:
    """Sentences with counts.

    Args:
        series: All CT series below the root.
        mentions: The readings.
        read: The series with a reading.
        samples: What came of them.
        rule: The label rule.
        unit: `nodule` or `scan`.
    """
    here = {one.series.series_uid for one in read}
    lesions = [lesion for one in read for lesion in one.outlined.lesions]
    faulty = [one for one in read if one.outlined.fault]
    told: Counter[str] = Counter()
    for one in read:
        told.update(one.outlined.joins)
    unlabelled = sum(one.label is None for one in samples)
    few = sum(not rule.counts(one.nodule) for one in lesions)
    counts = {
        "{} reading(s) are of series that are not here.": len(mentions.short) - len(here),
        "{} CT series have no reading and are left out.": len(series) - len(read),
        "{} outline(s) name a slice that is not here and were joined by their height.": told[
            "height"
        ],
        "{} outline(s) lie on no slice and were left aside.": told["none"],
        "{} nodule(s) surround no pixel in the scan: they have no centre"
        + (" and are left out." if unit == "nodule" else "."): sum(
            one.center_mm is None for one in lesions
        ),
        "{} nodule(s) meet another one and were parted because one reader drew both.": sum(
            one.nodule.ambiguous for one in lesions
        ),
        f"{{}} nodule(s) were marked by fewer than {rule.least_readers} readers.": few,
        f"{{}} {unit}(s) have no label by the rule.": unlabelled,
    }
    notes = [sentence.format(count) for sentence, count in counts.items() if count]
    if faulty:
        named = [f"{one.series.series_uid} ({one.outlined.fault[:-1]})" for one in faulty[:NAMED]]
        more = f"; and {len(faulty) - NAMED} more" if len(faulty) > NAMED else ""
        notes.append(
            f"{len(faulty)} series are left out, for their slices cannot be placed: "
            f"{'; '.join(named)}{more}."
        )
    return notes

"""Tables of the user: any CSV with a row per scan or per nodule."""

from lungcam.cohorts.table.cohort import read_samples, table_cohort
from lungcam.cohorts.table.columns import choose_columns
from lungcam.cohorts.table.labels import LabelValues
from lungcam.cohorts.table.samples import Fault
from lungcam.cohorts.table.write import write_samples

__all__ = [
    "Fault",
    "LabelValues",
    "choose_columns",
    "read_samples",
    "table_cohort",
    "write_samples",
]

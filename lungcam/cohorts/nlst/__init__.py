"""NLST: screening CT of 26,254 people, with their lung cancers and follow-up.

Source: National Lung Screening Trial Research Team, N Engl J Med 2011;365:395-409; images on TCIA
and IDC, tables on CDAS (cdas.cancer.gov/nlst) and IDC.
"""

from lungcam.cohorts.nlst.cohort import nlst_cohort
from lungcam.cohorts.nlst.features import refuse_outcomes
from lungcam.cohorts.nlst.values import Missing, value

__all__ = ["Missing", "nlst_cohort", "refuse_outcomes", "value"]

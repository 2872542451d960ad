"""NLST's tables for phantom participants: their columns, paths and rows.

Columns are those of the public tables (`nlst_780_*_idc_*`) and of the restricted participant file.
Codes are those of the trial's data dictionaries: `.N` for a value that does not apply, `.M` for a
missing one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lungcam.phantom.layouts.layout import Subject, lobe_at
from lungcam.phantom.phantom import Phantom

PRSN = (
    *("race", "cigsmok", "gender", "age", "loclhil", "locllow", "loclup", "locrhil", "locrlow"),
    *("locrmid", "locunk", "locrup", "locoth", "locmed", "loclmsb", "locrmsb", "loccar", "loclin"),
    *("lesionsize", "de_type", "de_grade", "de_stag", "scr_res0", "scr_res1", "scr_res2"),
    *("scr_iso0", "scr_iso1", "scr_iso2", "cancyr", "can_scr", "canc_rpt_link", "pid"),
    *("dataset_version", "scr_days0", "scr_days1", "scr_days2", "candx_days", "canc_free_days"),
    "de_stag_7thed",
)
# the restricted file has more columns
RESTRICTED = ("study", "cen", "elig", "rndgroup", "pkyr", "conflc", "lung_cancer")
RESTRICTED += ("last_screen_studyyr", "fup_days", "deathstat", "death_days", *PRSN)
SCREEN = (
    *("pid", "ctdxqual", "study_yr", "techpara_kvp", "techpara_ma", "techpara_fov"),
    *("techpara_effmas", "ct_recon_filter1", "ct_recon_filter2", "ctdxqual_breath"),
    *("ctdxqual_motion", "ctdxqual_resp", "ctdxqual_techpara", "ctdxqual_inadeqimg"),
    *("ctdxqual_artifact", "ctdxqual_graininess", "ctdxqual_other", "ct_recon_filter3"),
    *("ct_recon_filter4", "dataset_version"),
)
CTAB = (
    *("sct_ab_desc", "sct_ab_num", "sct_epi_loc", "sct_long_dia", "sct_margins", "sct_perp_dia"),
    *("sct_pre_att", "study_yr", "sct_slice_num", "sct_found_after_comp", "pid", "dataset_version"),
)
CTABC = (
    *("study_yr", "sct_ab_preexist", "pid", "sct_ab_attn", "sct_ab_gwth", "sct_ab_invg"),
    *("sct_ab_num", "sct_ab_code", "dataset_version", "visible_days"),
)
CANC = (
    *("pid", "lc_topog", "topog_source", "de_type", "de_grade", "de_stag", "path_stag"),
    *("clinical_stag", "stage_sum", "valcsg", "clinical_t_7thed", "clinical_n_7thed"),
    *("clinical_m_7thed", "path_t_7thed", "path_n_7thed", "path_m_7thed", "de_stag_7thed"),
    *("first_lc", "lesionsize", "lc_morph", "lc_behav", "lc_grade", "source_best_stage"),
    *("clinical_t", "path_t", "clinical_n", "path_n", "clinical_m", "path_m", "stage_only"),
    *("study_yr", "dataset_version", "lc_order", "candx_days"),
)
FIRST_PID = 100_000
# the public tables, and those of a data agreement
FOLDERS = ("tables", "restricted")
NAME = "nlst_780_{}_idc_20210527.csv"
COLUMNS = {"screen": SCREEN, "ctab": CTAB, "ctabc": CTABC, "canc": CANC}
PERSON = {"tables/nlst_780_prsn_idc_20210527.csv": PRSN, "restricted/participant.csv": RESTRICTED}
TABLES = PERSON | {
    f"{folder}/{NAME.format(name)}": COLUMNS[name] for folder in FOLDERS for name in COLUMNS
}
NOT_APPLICABLE, MISSING = ".N", ".M"
VERSION = "lungcam phantom"
NODULE, EMPHYSEMA = 51, 59
LOBE_COLUMNS = {1: "locrup", 2: "locrmid", 3: "locrlow", 4: "loclup", 5: "loclin", 6: "locllow"}
LOBE_SITES = {1: "C34.1", 2: "C34.2", 3: "C34.3", 4: "C34.1", 5: "C34.1", 6: "C34.3"}
ADENOCARCINOMA = 8140
EMPHYSEMA_SHARE, SHORT_SHARE = 0.3, 0.25


@dataclass(frozen=True, kw_only=True)
class Participant:
    """A phantom in the tables.

    Attributes:
        person: Values of the columns `RESTRICTED`.
        lobe: Code of sct_epi_loc for the nodule; None without one.
        slice_number: InstanceNumber in the thin series of the slice through the nodule's centre.
        diameter: Diameter in whole mm.
        emphysema: True if the readers noted emphysema.
        spiculated: True if the margin of the nodule is spiculated.
        known: True if the previous exam showed the nodule.
        grown: True if the nodule has grown since that exam.
    """

    person: Mapping[str, object]
    lobe: int | None
    slice_number: int | None
    diameter: int
    emphysema: bool
    spiculated: bool
    known: bool = True
    grown: bool = False


def draw_participant(pid: str, subject: Subject, *, phantom: Phantom, twice: bool) -> Participant:
    """Draw the table values of a phantom.

    Args:
        pid: Number of the participant.
        subject: Phantom person.
        phantom: Scan.
        twice: True if the person was screened at T1 too; never a person with cancer.
    """
    rng = subject.rng("participant")
    ill = phantom.label == 1
    lobe = None if phantom.center_mm is None else lobe_at(phantom, phantom.center_mm)
    emphysema = bool(rng.random() < EMPHYSEMA_SHARE)
    days0, wait = int(rng.integers(0, 60)), int(rng.integers(15, 200))
    days1 = days0 + int(rng.integers(350, 420))
    long, short = int(rng.integers(2250, 2700)), int(rng.integers(300, 1500))
    diagnosed = days0 + wait
    followed = short if rng.random() < SHORT_SHARE and not twice else long
    result = 4 if lobe else 2 if emphysema else 1
    # 13: cancer before the screening window, 15: refused a screen, 5: no significant change
    later = (13, 13) if ill else (5 if lobe else result, 15) if twice else (15, 15)
    person = draw_traits(pid, rng) | {
        "conflc": int(ill), "lung_cancer": int(ill), "last_screen_studyyr": int(twice),
        "fup_days": (diagnosed if ill else followed) + (1500 if ill else int(rng.integers(0, 60))),
        "deathstat": 0, "scr_res0": result, "scr_res1": later[0], "scr_res2": later[1],
        "scr_iso0": result, "scr_iso1": result if twice else later[0], "scr_iso2": later[1],
        "scr_days0": days0, "scr_days1": days1 if twice else NOT_APPLICABLE,
        "can_scr": int(ill), "canc_rpt_link": int(ill),
        "canc_free_days": diagnosed - 10 if ill else followed,
    }  # fmt: skip
    diameter = round(phantom.diameter_mm)
    if ill:
        person |= cancer_columns(lobe, 0, day=diagnosed, diameter=diameter)
    return Participant(
        person=person,
        lobe=lobe,
        slice_number=slice_number(phantom),
        diameter=diameter,
        emphysema=emphysema,
        spiculated=ill,
    )


def draw_traits(pid: str, rng: np.random.Generator) -> dict[str, object]:
    """Draw the columns of `RESTRICTED` that are independent of the outcome; others do not apply."""
    return dict.fromkeys(RESTRICTED, NOT_APPLICABLE) | {
        "pid": pid, "dataset_version": VERSION, "study": 1, "cen": "PH", "elig": 2, "rndgroup": 1,
        "race": 1, "cigsmok": int(rng.integers(0, 2)), "gender": int(rng.integers(1, 3)),
        "age": int(rng.integers(55, 75)), "pkyr": int(rng.integers(30, 90)),
    }  # fmt: skip


def cancer_columns(lobe: int, year: int, *, day: int, diameter: int) -> dict[str, object]:
    """Return the columns of the participant tables that describe a cancer.

    Args:
        lobe: Code of its lobe.
        year: Study year of the cancer.
        day: Day of the diagnosis.
        diameter: Diameter in whole mm.
    """
    lobes = {name: 0 for name in PRSN if name.startswith("loc")} | {LOBE_COLUMNS[lobe]: 1}
    return lobes | {
        "cancyr": year, "candx_days": day, "lesionsize": diameter, "de_grade": 3,
        "de_type": ADENOCARCINOMA, "de_stag": 110, "de_stag_7thed": 110,
    }  # fmt: skip


def slice_number(phantom: Phantom) -> int | None:
    """Return the InstanceNumber in the thin series of the slice through the nodule's centre."""
    if phantom.center_mm is None:
        return None
    k = (phantom.center_mm[2] - phantom.affine[2, 3]) / phantom.affine[2, 2]
    return phantom.hu.shape[2] - round(k)


def trial_rows(
    person: Mapping[str, object], cancers: list, *, exams: Sequence[Mapping[str, list]]
) -> dict[str, list]:
    """Return the rows of a participant by table: the person, cancers and the exams by year."""
    rows: dict[str, list] = {
        name: [[person[column] for column in columns]] for name, columns in PERSON.items()
    }
    tables = {"canc": cancers}
    for exam in exams:
        for name, more in exam.items():
            tables[name] = tables.get(name, []) + more
    for name, entries in tables.items():
        rows |= dict.fromkeys((f"{folder}/{NAME.format(name)}" for folder in FOLDERS), entries)
    return rows


def exam_rows(participant: Participant, year: int) -> dict[str, list[list[object]]]:
    """Return the rows of an exam by table: screen, ctab, and ctabc after T0."""
    keys = {"pid": participant.person["pid"], "study_yr": year, "dataset_version": VERSION}
    screen = keys | {
        "ctdxqual": 1, "techpara_kvp": 120, "techpara_ma": 80, "techpara_fov": 36,
        "techpara_effmas": 40, "ct_recon_filter1": MISSING, "ct_recon_filter2": MISSING,
    }  # fmt: skip
    findings = []
    if participant.lobe:
        findings.append(
            {
                "sct_ab_desc": NODULE, "sct_epi_loc": participant.lobe,
                "sct_long_dia": participant.diameter, "sct_perp_dia": participant.diameter,
                "sct_margins": 1 if participant.spiculated else 2, "sct_pre_att": 1,
                "sct_slice_num": participant.slice_number,
            }
        )  # fmt: skip
    if participant.emphysema:
        findings.append({"sct_ab_desc": EMPHYSEMA})
    ctab = [
        keys | finding | {"sct_ab_num": number, "sct_found_after_comp": 0}
        for number, finding in enumerate(findings, start=1)
    ]
    compared = {
        "sct_ab_num": 1, "sct_ab_code": NODULE, "sct_ab_preexist": 1 + participant.known,
        "sct_ab_gwth": 1 + participant.grown,
    }  # fmt: skip
    return {
        "screen": [_row(SCREEN, screen)],
        "ctab": [_row(CTAB, values) for values in ctab],
        "ctabc": [_row(CTABC, keys | compared)] if year and participant.lobe else [],
    }


def cancer_rows(person: Mapping[str, object], lobe: int | None) -> list[list[object]]:
    """Return the row of a person with cancer in the table of cancers, otherwise nothing."""
    if person["lung_cancer"] != 1:
        return []
    cancer = {
        "lc_topog": LOBE_SITES[lobe], "first_lc": 1, "lc_morph": ADENOCARCINOMA, "lc_behav": 3,
        "lc_grade": 3, "source_best_stage": 1, "study_yr": person["cancyr"], "lc_order": 1,
    }  # fmt: skip
    return [_row(CANC, {**person, **cancer})]


def _row(columns: tuple[str, ...], values: Mapping[str, object]) -> list[object]:
    return [values.get(name, NOT_APPLICABLE) for name in columns]

"""Columns that tell what became of a person: they can never be features."""

import re
from collections.abc import Sequence

from lungcam.errors import InputError

# The participant data dictionary's categories Follow-Up/Procedures, Death, Progression and Cancers
# of Any Site, the columns of the canc table, the arm's case groups, and the screens after T0
OUTCOMES = re.compile(
    r"""
    cancyr | can_scr | candx_days | canc_(free_days|rpt_link|rpt_source) | conflc | lung_cancer
    | de_\w+ | lc_\w+ | lesionsize | first_lc | topog_source | valcsg | source_best_stage
    | (path|clinical)_(stag|[tnm](_7thed)?) | stage_(sum|only)
    | loc(car|unk|oth|med|l(hil|low|up|msb|in)|r(hil|low|up|msb|mid))
    | (biop|invas|medcomp|mra_stat|no_proc_reas|proc)([0-2]|lc)
    | treat\w* | contactstatus | fup_days
    | death\w* | finaldeath\w* | dcf\w+ | hasdcf | ndicd | evp\w+
    | prog(site|ression|ressed)?_\w+ | last_progfree_days
    | confirmed_\w+ | num_confirmed
    | scr_(res|iso|days|lat)[12] | last_screen_studyyr | scr_group | ct_selected
    """,
    re.VERBOSE | re.IGNORECASE,
)


def refuse_outcomes(features: Sequence[str]) -> None:
    """Refuse features that are an outcome of NLST or come after its first screen.

    Raises:
        InputError: Names them.
    """
    found = [name for name in features if OUTCOMES.fullmatch(name.strip())]
    if found:
        raise InputError(
            f"data.features: {', '.join(found)} tells the outcome or what came after the screen, "
            "which no model may see; remove it."
        )

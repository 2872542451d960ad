"""The choice of a search, which needs a sweep."""

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from lungcam.errors import InputError

TPE = "hydra_plugins.lungcam_sweepers.Tpe"


def refuse_single_run() -> None:
    """Refuse a search without `-m`, which Hydra would take for one ordinary run.

    Raises:
        InputError: The search's sweeper is configured, and this is a single run.
    """
    hydra = HydraConfig.get()
    if hydra.mode == RunMode.RUN and hydra.sweeper.get("_target_") == TPE:
        raise InputError("hparams_search=tpe: a search is a sweep; add -m, or leave it out.")

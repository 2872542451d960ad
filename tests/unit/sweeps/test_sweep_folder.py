"""The folder of a sweep: files of the user stay."""

import pytest

from lungcam.errors import InputError
from lungcam.runtime.written import NAME
from lungcam.sweeps.sweep_folder import FILES, claim_sweep_folder


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_user_is_refused(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=name):
        claim_sweep_folder(tmp_path)


def test_a_sweep_of_an_earlier_version_is_continued(tmp_path):
    (tmp_path / "multirun.yaml").write_text("_target_: lungcam.sweeps.trial.ReportFailure")
    claim_sweep_folder(tmp_path)
    assert not (tmp_path / NAME).exists()
    claim_sweep_folder(tmp_path / "new")
    assert (tmp_path / "new" / NAME).exists()

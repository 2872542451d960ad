from hypothesis import given
from hypothesis import strategies as st

from lungcam.dicom import ObjectDescription
from lungcam.dicom.attributes import derived_uid
from lungcam.explain.cam import METHOD_NAMES
from lungcam.explain.reliability import FAILED


@given(
    model=st.text(max_size=80),
    method=st.sampled_from(sorted(METHOD_NAMES)),
    evidence=st.sampled_from(["both", "for", "against"]),
    mark=st.sampled_from([None, FAILED]),
)
def test_series_description_and_unit_explanation_fit_their_attributes(
    model, method, evidence, mark
):
    description = ObjectDescription(
        method=METHOD_NAMES[method],
        code=method,
        evidence=evidence,
        model=model,
        checkpoint="",
        label_rule="",
        mark=mark,
    )
    assert len(description.heat_series_description) <= 64
    assert description.heat_series_description.endswith("RESEARCH ONLY")
    assert METHOD_NAMES[method] in description.heat_series_description
    assert len(description.unit_explanation) <= 64
    assert "against" in description.unit_explanation or evidence == "for"
    assert description.heat_series_description.startswith("FAILED") == (mark is not None)


def test_uids_are_those_of_earlier_versions(description):
    names = ("1.2.3", "1.2.4", description.identity, "0.1", "cd" * 32, "slices", 0)
    assert derived_uid(*names) == "2.25.75333793428143961948038108296878490365"

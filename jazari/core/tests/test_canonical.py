import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.core.canonical import NotCanonical, canonical_json, digest

scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text()
json_values = st.recursive(
    scalars | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_canonical_json_reads_back_as_the_same_value(value):
    assert json.loads(canonical_json(value), parse_int=float) == value


@given(st.dictionaries(st.text(max_size=8), scalars, max_size=6))
def test_the_order_of_keys_does_not_change_the_digest(value):
    assert digest(value) == digest(dict(reversed(value.items())))


def test_the_example_of_rfc_8785_section_3_2_4():
    value = {"numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001]}
    assert canonical_json(value) == b'{"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}'


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**60, object(), {1: 2}, "\ud800"])
def test_what_json_cannot_carry_exactly_is_refused(value):
    with pytest.raises(NotCanonical):
        canonical_json(value)


def test_a_value_nested_too_deep_is_refused_and_does_not_crash():
    value: list = []
    for _ in range(200_000):
        value = [value]
    with pytest.raises(NotCanonical):
        canonical_json(value)

"""Numbers in every spelling."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from rise_core.verifiers.number_spelling import NUMBER, canonical_number


@given(value=st.decimals(-(10**12), 10**12, places=3, allow_nan=False), comma=st.booleans(), dollar=st.booleans())
def test_one_canonical_form_for_every_spelling(value: object, comma: bool, dollar: bool) -> None:
    number = Fraction(str(value))
    digits = f"{abs(float(number)):,.3f}" if comma else f"{abs(float(number)):.3f}"
    spelled = f"{'-' if number < 0 else ''}{'$' if dollar else ''}{digits}"
    match = NUMBER.fullmatch(spelled)
    assert match is not None
    canonical = canonical_number(match)
    assert canonical is not None
    assert Fraction(canonical) == number
    again = NUMBER.fullmatch(canonical)
    assert again is not None
    assert canonical_number(again) == canonical

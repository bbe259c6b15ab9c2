"""Cursors: what a list gives out leads on, what anybody makes up is refused."""

import base64
import contextlib
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parlor_kit.errors import ValidationFailed
from parlor_kit.pages import PageQuery, decode_cursor, encode_cursor, id_in, number_in
from pydantic import ValidationError

LARGEST = 2**63 - 1


@given(st.uuids(), st.integers(0, LARGEST))
def test_a_cursor_comes_back_as_the_position_that_it_was(last: UUID, number: int) -> None:
    cursor = encode_cursor(last, number)
    assert decode_cursor(cursor, UUID, int) == (last, number)
    assert (id_in(encode_cursor(last)), number_in(encode_cursor(number))) == (last, number)
    assert cursor.isascii()
    assert not set(cursor) & set("+/=&?# ")


def raw(value: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!",
        "é",
        "A" * 511,
        raw(7),
        raw({}),
        raw(None),
        raw([]),
        raw([1]),
        raw(["a", "b"]),
        raw(["abc", 1]),
        raw([str(UUID(int=7)), -1]),
        raw([str(UUID(int=7)), 2**63]),
        raw([str(UUID(int=7)), 1.5]),
        raw([UUID(int=7).hex, 1]),
        raw([7, 7]),
    ],
)
def test_a_made_up_cursor_breaks_a_rule(cursor: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        decode_cursor(cursor, UUID, int)
    assert refused.value.extra["errors"][0]["field"] == "cursor"


def test_true_is_no_number() -> None:
    with pytest.raises(ValidationFailed):
        decode_cursor(raw([True]), int)


@given(st.text())
def test_any_text_is_a_cursor_or_refused(cursor: str) -> None:
    with contextlib.suppress(ValidationFailed):
        assert isinstance(id_in(cursor), UUID)


def test_no_cursor_is_the_beginning() -> None:
    assert id_in(None) is None
    assert number_in(None) is None


def test_a_page_has_1_to_200_items_and_50_unless_told() -> None:
    assert PageQuery.model_validate({}).limit == 50
    assert PageQuery.model_validate({"limit": "200"}).limit == 200
    for limit in ("0", "201", "-1", "1.5", "many", ""):
        with pytest.raises(ValidationError):
            PageQuery.model_validate({"limit": limit})

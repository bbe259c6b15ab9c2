"""Fields of bodies, queries and views: strict in, one form out."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parlor_kit.answers import Answer, dumps
from parlor_kit.clock import now, rfc3339
from parlor_kit.fields import Body, Email, Moment, Name, Text, View
from parlor_kit.ids import new_id, parse_id
from pydantic import ValidationError


class Person(Body):
    name: Name = "x"
    email: Email = "a@b.org"
    note: Text = ""


class Seen(View):
    at: Moment
    until: Moment | None = None


@pytest.mark.parametrize(
    "email",
    [
        *("", "a", "a@", "@b.org", "a@b", "a b@c.org", "a@b .org", "a@.org", "a@b.", "a@b..org"),
        *("a@b.org\n", "a\u00a0@b.org", "x" * 250 + "@b.org", "a\x00@b.org"),
    ],
)
def test_what_is_no_e_mail_address_is_refused(email: str) -> None:
    if email == "a@b.org\n":  # space around it is not part of it
        assert Person(email=email).email == "a@b.org"
        return
    with pytest.raises(ValidationError):
        Person(email=email)


def test_an_e_mail_address_has_one_spelling() -> None:
    assert Person(email=" Ann.O'Neil+x@Example.ORG ").email == "ann.o'neil+x@example.org"


@pytest.mark.parametrize("field", ["name", "note"])
def test_text_that_postgresql_cannot_store_is_refused(field: str) -> None:
    with pytest.raises(ValidationError):
        Person.model_validate_json(orjson.dumps({field: "a\x00b"}))
    with pytest.raises(ValidationError):
        Person.model_validate_json(b'{"' + field.encode() + b'": "\\udc00"}')


def test_bodies_neither_coerce_nor_ignore() -> None:
    for wrong in ({"name": 7}, {"nom": "x"}, {"name": ["x"]}):
        with pytest.raises(ValidationError):
            Person.model_validate_json(orjson.dumps(wrong))


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 2), max_value=datetime(2100, 1, 1), timezones=ZONES
)


@given(MOMENTS)
def test_a_moment_has_one_spelling_wherever_it_stands(moment: datetime) -> None:
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert rfc3339(moment) == text
    assert dumps({"at": moment}) == b'{"at":"%s"}' % text.encode()
    view = Seen(at=moment, until=moment)
    assert orjson.loads(Answer(200, view).encode()) == {"at": text, "until": text}
    assert orjson.loads(dumps({"seen": [view]})) == {"seen": [{"at": text, "until": text}]}
    assert datetime.fromisoformat(text) == moment


def test_what_is_null_is_there() -> None:
    assert orjson.loads(Answer(200, Seen(at=now())).encode())["until"] is None


def test_an_answer_may_be_empty_or_json_already() -> None:
    assert Answer(204).encode() == b""
    assert Answer(200, b'{"a":1}').encode() == b'{"a":1}'


def test_what_is_no_json_is_an_error_and_not_a_guess() -> None:
    with pytest.raises(TypeError):
        dumps({"at": object()})


def test_ids_are_read_in_their_canonical_form_alone() -> None:
    good = new_id()
    assert parse_id(str(good)) == good
    assert parse_id(str(good).upper()) == good
    bad: list[Any] = [good.hex, f"{{{good}}}", f"urn:uuid:{good}", f" {good}", "7", ""]
    assert [parse_id(one) for one in bad] == [None] * len(bad)


def test_ids_grow_with_time() -> None:
    made = [new_id() for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000

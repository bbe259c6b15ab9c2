"""Events on the wire: what was written is read again, and everything else is refused."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from factories.event_map import TYPE, EventMap, event_map
from hypothesis import given
from hypothesis import strategies as st
from parlor_kit.events import Event, EventInvalid, envelope, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def wire(event: Event) -> bytes:
    return envelope(
        event_id=event.id,
        topic=event.topic,
        key=event.key,
        type_=event.type,
        time=event.time,
        data=orjson.dumps(event.data),
        request_id=event.request_id,
        traceparent=event.traceparent,
    )


@given(
    st.dictionaries(st.text(), JSON, max_size=4), st.text(min_size=1), st.none() | st.just("r-1")
)
def test_an_event_is_read_as_it_was_written(
    data: dict[str, Any], key: str, request_id: str | None
) -> None:
    event = Event("game.events", "game.started", key, data, request_id=request_id)
    assert parse("game.events", wire(event)) == event


def test_the_document_is_that_of_cloudevents() -> None:
    document = orjson.loads(wire(Event("game.events", "game.started", "g-1", {"a": 1})))
    assert document["specversion"] == "1.0"
    assert document["source"] == "parlor/game"
    assert document["subject"] == "g-1"
    assert document["dataschema"] == "parlor:game.started.v1"
    assert {"requestid", "traceparent"}.isdisjoint(document)


GOOD = orjson.loads(wire(Event("t.events", "t.happened", "k", {})))


CHANGES: list[dict[str, Any]] = [
    {"specversion": "0.3"},
    {"data": []},
    {"data": None},
    {"id": "x"},
    {"id": 7},
    {"time": "yesterday"},
    {"time": 7},
]
NEEDED = ("specversion", "id", "type", "subject", "time", "data")


@pytest.mark.parametrize(
    "value",
    [
        *(None, b"", b"no json", b"\xff", b"[]", b"7", b"null", b'"text"'),
        *(orjson.dumps(GOOD | change) for change in CHANGES),
        *(orjson.dumps({k: v for k, v in GOOD.items() if k != gone}) for gone in NEEDED),
    ],
)
def test_what_is_no_event_of_ours_is_refused(value: bytes | None) -> None:
    with pytest.raises(EventInvalid):
        parse("t.events", value)


@given(st.binary(max_size=200))
def test_no_bytes_whatever_break_the_reader(value: bytes) -> None:
    with pytest.raises(EventInvalid):
        parse("t.events", value)


@pytest.fixture
def things(tmp_path: Path) -> EventMap:
    return event_map(tmp_path, partitions=2)


def test_the_folder_says_which_topics_and_types_there_are(things: EventMap) -> None:
    schemas = things.schemas
    assert set(schemas.topics) == {things.topic}
    topic = schemas.topics[things.topic]
    assert (topic.partitions, topic.consumers) == (2, (things.consumer,))
    assert topic.dead_letters(things.consumer) == things.dead_letters
    assert schemas.types == {TYPE}


def test_data_is_held_to_its_schema_without_telling_what_it_is(things: EventMap) -> None:
    schemas = things.schemas
    schemas.check(TYPE, {"number": 1})
    for wrong in ({"number": "s3cret"}, {}, {"number": 1, "more": 2}, {"number": 1.5}):
        with pytest.raises(EventInvalid) as refused:
            schemas.check(TYPE, wrong)
        assert str(refused.value).startswith(TYPE)
        assert "s3cret" not in str(refused.value)
    with pytest.raises(EventInvalid, match="no schema"):
        schemas.check("thing.unheard_of", {})

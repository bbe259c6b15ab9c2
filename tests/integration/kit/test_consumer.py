"""Consumers: each event applied once; what cannot be applied is set aside and can be replayed."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from factories.event_map import TYPE, EventMap
from factories.polling import until
from factories.running import running
from factories.topics import put
from parlor_kit.consumer import Consumer, Inbox, Outcome, prune_inbox
from parlor_kit.database import Database, Transaction
from parlor_kit.dead_letters import DeadLetters
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.events import Event, envelope
from parlor_kit.kafka import Brokers

pytestmark = pytest.mark.integration


def wire(event: Event, **changes: Any) -> bytes:
    """The record of an event, as the relay makes it; `changes` spoil the document."""
    value = envelope(
        event_id=event.id,
        topic=event.topic,
        key=event.key,
        type_=event.type,
        time=event.time,
        data=orjson.dumps(event.data),
        request_id=None,
        traceparent=None,
    )
    return orjson.dumps(orjson.loads(value) | changes) if changes else value


class Reader:
    """A reaction that remembers what it applied, and fails when `fault` says so."""

    def __init__(self) -> None:
        self.applied: list[int] = []
        self.tried: list[int] = []
        self.fault: Callable[[int], Exception | None] = lambda _: None

    async def __call__(self, transaction: Transaction, event: Event) -> None:
        number = event.data["number"]
        self.tried.append(number)
        fault = self.fault(number)
        if fault is not None:
            raise fault
        self.applied.append(number)


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def inbox(database: Database, rows: asyncpg.Connection, things: EventMap, reader: Reader) -> Inbox:
    return Inbox(database, things.schemas, {TYPE: reader})


@pytest.fixture
def consumer(inbox: Inbox, things: EventMap, kafka_bootstrap: str) -> Consumer:
    return Consumer(things.consumer, inbox, things.schemas, Brokers(kafka_bootstrap))


@pytest.fixture
def letters(things: EventMap, kafka_bootstrap: str) -> DeadLetters:
    return DeadLetters(things.consumer, things.schemas, Brokers(kafka_bootstrap))


async def buried(
    bootstrap: str, things: EventMap, count: int
) -> list[tuple[bytes, dict[str, str]]]:
    """The first `count` dead letters: value and headers."""
    consumer = AIOKafkaConsumer(
        things.dead_letters, bootstrap_servers=bootstrap, auto_offset_reset="earliest"
    )
    async with consumer, asyncio.timeout(20):
        found = [await consumer.getone() for _ in range(count)]
    return [(one.value, {name: value.decode() for name, value in one.headers}) for one in found]


async def test_an_event_that_comes_twice_is_applied_once(
    kafka_bootstrap: str, things: EventMap, consumer: Consumer, reader: Reader
) -> None:
    events = [things.event(number) for number in range(3)]
    for event in (*events, *events, things.event(3)):
        await put(kafka_bootstrap, things.topic, event.key, wire(event))
    async with running(consumer.run()):
        await until(lambda: 3 in reader.applied, 20)
    assert reader.applied == [0, 1, 2, 3]


async def test_a_crash_between_commit_and_offset_applies_nothing_twice(
    kafka_bootstrap: str, things: EventMap, consumer: Consumer, inbox: Inbox, reader: Reader
) -> None:
    event = things.event(1)
    assert await inbox.apply(things.topic, wire(event)) is Outcome.APPLIED
    # As after a crash, the group's offset still stands before the event.
    await put(kafka_bootstrap, things.topic, "a", wire(event))
    await put(kafka_bootstrap, things.topic, "a", wire(things.event(2)))
    async with running(consumer.run()):
        await until(lambda: 2 in reader.applied, 20)
    assert reader.applied == [1, 2]


async def test_at_once_the_same_event_is_applied_by_one(
    things: EventMap, inbox: Inbox, reader: Reader
) -> None:
    value = wire(things.event(1))
    outcomes = await asyncio.gather(*(inbox.apply(things.topic, value) for _ in range(8)))
    assert sorted(outcomes) == ["applied"] + ["duplicate"] * 7
    assert reader.applied == [1]


async def test_a_reaction_that_fails_leaves_no_trace_in_the_inbox(
    things: EventMap, inbox: Inbox, reader: Reader, rows: asyncpg.Connection
) -> None:
    value = wire(things.event(1))
    reader.fault = lambda _: RuntimeError("a bug")
    with pytest.raises(RuntimeError):
        await inbox.apply(things.topic, value)
    assert await rows.fetchval("SELECT count(*) FROM inbox") == 0
    reader.fault = lambda _: None
    assert await inbox.apply(things.topic, value) is Outcome.APPLIED


async def test_types_without_a_reaction_are_passed_over(
    things: EventMap, inbox: Inbox, rows: asyncpg.Connection
) -> None:
    unknown = Event(things.topic, "thing.invented_later", "a", {"any": "thing"})
    assert await inbox.apply(things.topic, wire(unknown)) is Outcome.IGNORED
    assert await rows.fetchval("SELECT count(*) FROM inbox") == 0


async def test_poison_is_set_aside_after_bounded_tries_and_the_partition_moves_on(
    kafka_bootstrap: str, things: EventMap, consumer: Consumer, reader: Reader
) -> None:
    reader.fault = lambda number: RuntimeError("cannot apply") if number == 13 else None
    bug = wire(things.event(13))
    poison = [
        b"no json",
        b"[]",
        wire(things.event(1), specversion="0.3"),
        wire(things.event(1), id="no id"),
        wire(things.event(1), data={"number": "one"}),
        bug,
    ]
    for value in (*poison, wire(things.event(7))):
        await put(kafka_bootstrap, things.topic, "a", value)
    async with running(consumer.run()):
        await until(lambda: 7 in reader.applied, 30)
    assert reader.applied == [7]
    assert reader.tried == [13, 13, 13, 7]
    dead = await buried(kafka_bootstrap, things, len(poison))
    assert [value for value, _ in dead] == poison
    for offset, (_, headers) in enumerate(dead):
        assert headers["topic"] == things.topic
        assert (headers["partition"], headers["offset"]) == ("0", str(offset))
        assert headers["failed_at"].endswith("Z")
    assert dead[-1][1]["error"] == "RuntimeError: cannot apply"
    assert [headers["attempts"] for _, headers in dead] == ["1"] * 5 + ["3"]


async def test_a_dead_dependency_makes_the_consumer_wait_and_loses_nothing(
    kafka_bootstrap: str, things: EventMap, consumer: Consumer, letters: DeadLetters, reader: Reader
) -> None:
    for number in range(3):
        await put(kafka_bootstrap, things.topic, "a", wire(things.event(number)))
    reader.fault = lambda _: DependencyUnavailable("the neighbour is away")
    async with running(consumer.run()):
        await until(lambda: len(reader.tried) > 4, 30)  # more often than poison would be tried
        assert set(reader.tried) == {0}
        reader.fault = lambda _: None
        await until(lambda: 2 in reader.applied, 30)
    assert reader.applied == [0, 1, 2]
    assert await letters.waiting() == []


async def test_a_consumer_goes_on_where_its_group_stood(
    kafka_bootstrap: str, things: EventMap, consumer: Consumer, inbox: Inbox, reader: Reader
) -> None:
    await put(kafka_bootstrap, things.topic, "a", wire(things.event(0)))
    async with running(consumer.run()):
        await until(lambda: reader.applied == [0], 20)
    await put(kafka_bootstrap, things.topic, "a", wire(things.event(1)))
    again = Consumer(things.consumer, inbox, things.schemas, Brokers(kafka_bootstrap))
    async with running(again.run()):
        await until(lambda: reader.applied == [0, 1], 30)


async def test_dead_letters_are_listed_and_applied_once_when_replayed(
    kafka_bootstrap: str,
    things: EventMap,
    consumer: Consumer,
    inbox: Inbox,
    letters: DeadLetters,
    reader: Reader,
) -> None:
    reader.fault = lambda _: RuntimeError("a bug")
    for number in range(2):
        await put(kafka_bootstrap, things.topic, "a", wire(things.event(number)))
    async with running(consumer.run()):
        await buried(kafka_bootstrap, things, 2)
    listed = await letters.waiting()
    assert [(one.offset, one.outcome) for one in listed] == [(0, "waiting"), (1, "waiting")]
    assert {one.error for one in listed} == {"RuntimeError: a bug"}

    reader.fault = lambda number: RuntimeError("still a bug") if number == 0 else None
    outcomes = [one.outcome for one in await letters.replay(inbox)]
    assert outcomes == ["failed again: RuntimeError: still a bug", "applied"]

    reader.fault = lambda _: DependencyUnavailable()
    with pytest.raises(DependencyUnavailable):
        await letters.replay(inbox)
    (waiting,) = await letters.waiting()
    assert waiting.error == "RuntimeError: still a bug"

    reader.fault = lambda _: None
    assert [one.outcome for one in await letters.replay(inbox)] == ["applied"]
    assert await letters.replay(inbox) == []
    assert reader.applied == [1, 0]


async def test_the_inbox_forgets_what_no_topic_can_deliver_any_more(
    database: Database, inbox: Inbox, things: EventMap, rows: asyncpg.Connection
) -> None:
    for number in range(2):
        await inbox.apply(things.topic, wire(things.event(number)))
    await rows.execute(
        "UPDATE inbox SET applied_at = now() - interval '46 days' "
        "WHERE event_id = (SELECT min(event_id::text)::uuid FROM inbox)"
    )
    await prune_inbox(database)
    assert await rows.fetchval("SELECT count(*) FROM inbox") == 1

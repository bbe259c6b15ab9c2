"""The SQL functions that write streams, driven at random beside a model of what they promise."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from parlor_chat.ports import Draft, ReceiptDraft
from parlor_chat.stream_statements import (
    APPEND_MESSAGES,
    APPEND_RECEIPTS,
    message_columns,
    receipt_columns,
)
from parlor_dev.backing import PostgresBacking
from parlor_kit.clock import now
from parlor_kit.events import Schemas
from parlor_kit.ids import new_id
from parlor_kit.migrate import migrate
from parlor_kit.settings import ServiceSettings

pytestmark = pytest.mark.integration
Result = TypeVar("Result")

SCHEMAS = Schemas(ServiceSettings.model_fields["parlor_schemas_dir"].default)
ROOMS, PEOPLE = 3, 4


@dataclass
class Room:
    """A conversation as it should be. Person 3 takes part in none."""

    id: UUID
    open: bool = True
    messages: list[tuple[UUID, UUID | None]] = field(default_factory=list)
    stream: list[tuple[str, UUID, UUID | None]] = field(default_factory=list)
    marks: dict[tuple[UUID, UUID], set[str]] = field(default_factory=dict)
    keys: dict[tuple[UUID | None, str, str], tuple[UUID, bytes | None, bool]] = field(
        default_factory=dict
    )


sends = st.tuples(
    st.integers(0, ROOMS),  # one past the last: no such conversation
    st.one_of(st.none(), st.integers(0, PEOPLE - 1)),
    st.one_of(st.none(), st.sampled_from("ab")),
    st.one_of(st.none(), st.sampled_from("kl")),
    st.sampled_from([b"one", b"two"]),
)
receipts = st.tuples(
    st.integers(0, ROOMS - 1), st.integers(0, 30), st.integers(0, PEOPLE - 1), st.booleans()
)


class Streams(RuleBasedStateMachine):
    """Batches of sends and receipts, closing and opening, checked after each step."""

    url: ClassVar[str]
    loop: ClassVar[asyncio.AbstractEventLoop]

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.people = [new_id() for _ in range(PEOPLE)]
        self.rooms = [Room(new_id()) for _ in range(ROOMS)]
        self.connection: asyncpg.Connection = self.run(asyncpg.connect(self.url))
        for room in self.rooms:
            self.run(self._make(room))

    async def _make(self, room: Room) -> None:
        await self.connection.execute(
            "INSERT INTO conversations (id, kind, participants_key, epoch, last_seq, event_seq, "
            "status, created_by, created_at) VALUES ($1, 'group', $2, 'e', 0, 0, 'open', $3, $4)",
            room.id,
            str(room.id),
            self.people[0],
            now(),
        )
        await self.connection.execute(
            "INSERT INTO participants (conversation_id, user_id, joined_at) "
            "SELECT $1, unnest($2::uuid[]), $3",
            room.id,
            self.people[:-1],
            now(),
        )

    def teardown(self) -> None:
        if hasattr(self, "connection"):
            self.run(self.connection.close())

    @rule(place=st.integers(0, ROOMS - 1), is_open=st.booleans())
    def set_status(self, place: int, is_open: bool) -> None:
        self.rooms[place].open = is_open
        self.run(
            self.connection.execute(
                "UPDATE conversations SET status = $2 WHERE id = $1",
                self.rooms[place].id,
                "open" if is_open else "closed",
            )
        )

    @rule(batch=st.lists(sends, min_size=1, max_size=8))
    def send(self, batch: list[tuple[int, int | None, str | None, str | None, bytes]]) -> None:
        drafts, expected = [], []
        seen: set[tuple[Any, ...]] = set()
        for place, person, client_key, key, digest in batch:
            room = self.rooms[place] if place < ROOMS else Room(new_id())
            sender = self.people[person] if person is not None else None
            shared = {(room.id, sender, "client", client_key), (room.id, sender, "key", key)}
            shared = {one for one in shared if one[3] is not None}
            if seen & shared:
                continue  # the stream writer keeps these apart
            seen |= shared
            draft = Draft(new_id(), room.id, sender, "x", client_key, key, digest, "r", "t")
            drafts.append(draft)
            expected.append(self._expect(room, draft, known=place < ROOMS))
        rows = self.run(self.connection.fetch(APPEND_MESSAGES, *message_columns(drafts)))
        found = [
            (row["outcome"], row["message_id"], row["seq"], row["event_seq"])
            if row["seq"]
            else (row["outcome"],)
            for row in rows
        ]
        assert found == expected

    def _expect(self, room: Room, draft: Draft, *, known: bool) -> tuple[Any, ...]:
        if not known or draft.sender_id == self.people[-1]:
            return ("not_found",)
        by_key = room.keys.get((draft.sender_id, "key", draft.idempotency_key or ""))
        by_client = room.keys.get((draft.sender_id, "client", draft.client_message_id or ""))
        if by_key and by_key[1] != draft.digest:
            return ("key_reused",)
        first = by_key or by_client
        outcome = "created"
        if first:
            message_id = first[0]
            outcome = "repeated" if by_key and by_key[2] else "duplicate"
        elif not room.open:
            return ("not_entitled",)
        else:
            message_id = draft.id
            room.messages.append((draft.id, draft.sender_id))
            room.stream.append(("message.sent", draft.id, draft.sender_id))
            if draft.client_message_id:
                room.keys[draft.sender_id, "client", draft.client_message_id] = (
                    draft.id,
                    None,
                    True,
                )
        if draft.idempotency_key and not by_key:
            room.keys[draft.sender_id, "key", draft.idempotency_key] = (
                message_id,
                draft.digest,
                outcome == "created",
            )
        seq = [one for one, _ in room.messages].index(message_id) + 1
        event_seq = [one[:2] for one in room.stream].index(("message.sent", message_id)) + 1
        return (outcome, message_id, seq, event_seq)

    @rule(batch=st.lists(receipts, min_size=1, max_size=8))
    def record(self, batch: list[tuple[int, int, int, bool]]) -> None:
        drafts, expected, seen = [], [], set()
        for place, number, person, is_read in batch:
            room = self.rooms[place]
            message_id, sender = (
                room.messages[number] if number < len(room.messages) else (new_id(), None)
            )
            mark = (message_id, self.people[person])
            if mark in seen:
                continue
            seen.add(mark)
            drafts.append(ReceiptDraft(*mark, is_read, "r", "t"))
            if number >= len(room.messages) or person == PEOPLE - 1:
                expected.append("not_found")
            elif sender == self.people[person]:
                expected.append("not_a_recipient")
            else:
                marks = room.marks.setdefault(mark, set())
                wanted = ["message.delivered"] + ["message.read"] * is_read
                fresh = [kind for kind in wanted if kind not in marks]
                marks.update(fresh)
                room.stream += [(kind, *mark) for kind in fresh]
                expected.append("created" if fresh else "unchanged")
        rows = self.run(self.connection.fetch(APPEND_RECEIPTS, *receipt_columns(drafts)))
        assert [row["outcome"] for row in rows] == expected
        for draft, row in zip(drafts, rows, strict=True):
            if row["outcome"] in ("created", "unchanged"):
                assert row["delivered_at"] is not None
                assert (row["read_at"] is not None) >= draft.is_read

    @invariant()
    def streams_have_no_gap_and_are_told_once(self) -> None:
        for room in getattr(self, "rooms", ()):
            self.run(self._check(room))

    async def _check(self, room: Room) -> None:
        counters = await self.connection.fetchrow(
            "SELECT last_seq, event_seq FROM conversations WHERE id = $1", room.id
        )
        assert tuple(counters) == (len(room.messages), len(room.stream))
        messages = await self.connection.fetch(
            "SELECT id, sender_id, seq FROM messages WHERE conversation_id = $1 ORDER BY seq",
            room.id,
        )
        assert [tuple(row) for row in messages] == [
            (*message, seq) for seq, message in enumerate(room.messages, 1)
        ]
        stream = await self.connection.fetch(
            "SELECT event_seq, 'message.sent', id, sender_id FROM messages "
            "WHERE conversation_id = $1 UNION ALL "
            "SELECT delivered_event_seq, 'message.delivered', message_id, user_id FROM receipts "
            "WHERE conversation_id = $1 UNION ALL "
            "SELECT read_event_seq, 'message.read', message_id, user_id FROM receipts "
            "WHERE conversation_id = $1 AND read_event_seq IS NOT NULL ORDER BY 1",
            room.id,
        )
        assert [tuple(row) for row in stream] == [
            (seq, *event) for seq, event in enumerate(room.stream, 1)
        ]
        told = await self.connection.fetch(
            "SELECT type, data FROM outbox WHERE key = $1 ORDER BY id", str(room.id)
        )
        for row, event in zip(told, room.stream, strict=True):
            data = orjson.loads(row["data"])
            SCHEMAS.check(row["type"], data)
            assert (row["type"], data["message_id"]) == (event[0], str(event[1]))
        assert [orjson.loads(row["data"])["event_seq"] for row in told] == list(
            range(1, len(room.stream) + 1)
        )


@pytest.fixture(scope="module")
async def streams_url(postgres_server: PostgresBacking) -> str:
    database = await postgres_server.database("chat")
    await migrate(database.owner_url, database.app_url, "chat")
    return database.app_url


@pytest.fixture
def own_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_seqs_keys_receipts_and_events_agree_with_the_model(
    streams_url: str, own_loop: asyncio.AbstractEventLoop
) -> None:
    Streams.url, Streams.loop = streams_url, own_loop
    run_state_machine_as_test(
        Streams,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

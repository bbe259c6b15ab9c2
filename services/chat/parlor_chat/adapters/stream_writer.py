"""Appends messages and receipts: one statement a batch, then straight to the sockets here.

Two batch writers share one database session, so that what this process commits reaches its
sockets in the order of the commits. The statements are in `migrations/0002_streams.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
from parlor_kit.answers import dumps
from parlor_kit.batching import BatchWriter
from parlor_kit.clock import rfc3339
from parlor_kit.database import Database, Session
from parlor_kit.errors import IdempotencyKeyReused, NotFound
from parlor_kit.hub import Hub, StreamEvent

from parlor_chat import frames
from parlor_chat.errors import NotARecipient, NotEntitled
from parlor_chat.message_changes import CURRENT, UNCHANGED, Change, of_rows
from parlor_chat.ports import Draft, Receipt, ReceiptDraft, Sent
from parlor_chat.stream_statements import (
    APPEND_MESSAGES,
    APPEND_RECEIPTS,
    message_columns,
    receipt_columns,
)

Item = TypeVar("Item")
Result = TypeVar("Result")
Streams = dict[UUID, list[StreamEvent]]

_REFUSALS: dict[str, type[Exception]] = {
    "not_found": NotFound,
    "not_entitled": NotEntitled,
    "not_a_recipient": NotARecipient,
    "key_reused": IdempotencyKeyReused,
}


class StreamWriter:
    """`ports.StreamWriter`: the only writer of streams here, beside the worker's reactions."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self._session = Session(database)
        self._hub = hub
        self._turn = asyncio.Lock()
        self._messages = BatchWriter[Draft, Sent]("messages", self._commit_messages)
        self._receipts = BatchWriter[ReceiptDraft, Receipt]("receipts", self._commit_receipts)

    async def close(self) -> None:
        await self._messages.close()
        await self._receipts.close()
        await self._session.close()

    def send(self, draft: Draft) -> asyncio.Future[Sent]:
        return self._messages.submit(draft)

    def record(self, draft: ReceiptDraft) -> asyncio.Future[Receipt]:
        return self._receipts.submit(draft)

    async def _commit_messages(self, batch: Sequence[Draft]) -> Sequence[Sent | Exception]:
        return await in_rounds(batch, keys_of_message, self._append_messages)

    async def _commit_receipts(
        self, batch: Sequence[ReceiptDraft]
    ) -> Sequence[Receipt | Exception]:
        return await in_rounds(batch, keys_of_receipt, self._append_receipts)

    async def _append_messages(self, drafts: Sequence[Draft]) -> Sequence[Sent | Exception]:
        answers: list[Sent | Exception] = []
        streams: Streams = {}
        moment, moment_text = None, ""
        async with self._turn:
            rows = await self._session.fetch(APPEND_MESSAGES, *message_columns(drafts))
            changes = await self._changes(rows)
            for draft, row in zip(drafts, rows, strict=True):
                outcome, _, seq, event_seq, *_, sent_at = row
                if outcome != "created":
                    answers.append(_known(draft, row, changes.get(row[1], UNCHANGED)))
                    continue
                if sent_at != moment:  # the same for a whole batch
                    moment, moment_text = sent_at, rfc3339(sent_at)
                view = dumps(
                    frames.message_view(
                        id=draft.id,
                        conversation_id=draft.conversation_id,
                        seq=seq,
                        sender_id=draft.sender_id,
                        body=draft.body,
                        client_message_id=draft.client_message_id,
                        sent_at=moment_text,
                    )
                )
                answers.append(Sent(draft.id, first=True, repeated=False, view=view))
                if self._hub.watches(draft.conversation_id):
                    streams.setdefault(draft.conversation_id, []).append(
                        frames.message_sent(event_seq, moment_text, view)
                    )
            self._deliver(streams)
        return answers

    async def _changes(self, rows: Sequence[Any]) -> Mapping[UUID, Change]:
        """What has become of the messages that drafts name again; almost always there are none."""
        known = [row["message_id"] for row in rows if row["outcome"] in ("repeated", "duplicate")]
        return of_rows(await self._session.fetch(CURRENT, known)) if known else {}

    async def _append_receipts(
        self, drafts: Sequence[ReceiptDraft]
    ) -> Sequence[Receipt | Exception]:
        answers: list[Receipt | Exception] = []
        streams: Streams = {}
        async with self._turn:
            rows = await self._session.fetch(APPEND_RECEIPTS, *receipt_columns(drafts))
            for draft, row in zip(drafts, rows, strict=True):
                if row["outcome"] in _REFUSALS:
                    answers.append(_REFUSALS[row["outcome"]]())
                    continue
                answers.append(
                    Receipt(draft.message_id, draft.user_id, row["delivered_at"], row["read_at"])
                )
                if self._hub.watches(row["conversation_id"]):
                    streams.setdefault(row["conversation_id"], []).extend(_marks(draft, row))
            self._deliver(streams)
        return answers

    def _deliver(self, streams: Streams) -> None:
        for conversation_id, stream in streams.items():
            self._hub.deliver(conversation_id, stream)


def keys_of_message(draft: Draft) -> list[Hashable]:
    """What may be in one statement only once, since the second must see the first."""
    whose = (draft.conversation_id, draft.sender_id)
    keys: list[Hashable] = []
    if draft.client_message_id is not None:
        keys.append((whose, "client", draft.client_message_id))
    if draft.idempotency_key is not None:
        keys.append((whose, "idempotency", draft.idempotency_key))
    return keys


def keys_of_receipt(draft: ReceiptDraft) -> list[Hashable]:
    return [(draft.message_id, draft.user_id)]


async def in_rounds(
    batch: Sequence[Item],
    keys_of: Callable[[Item], Iterable[Hashable]],
    append: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
) -> Sequence[Result | Exception]:
    """Append a batch in as few statements as keep items with a key in common apart.

    Almost always one. A later round that fails is the answer of its own items alone, because
    those of the rounds before it are durable.
    """
    answers: list[Result | Exception] = [NotFound()] * len(batch)
    waiting = list(range(len(batch)))
    while waiting:
        seen: set[Hashable] = set()
        now: list[int] = []
        later: list[int] = []
        for place in waiting:
            keys = keys_of(batch[place])
            (now if seen.isdisjoint(keys) else later).append(place)
            seen.update(keys)
        try:
            results = await append([batch[place] for place in now])
        except Exception as fault:
            if len(waiting) == len(batch):
                raise
            results = [fault] * len(now)
        for place, result in zip(now, results, strict=True):
            answers[place] = result
        waiting = later
    return answers


def _known(draft: Draft, row: asyncpg.Record, change: Change) -> Sent | Exception:
    """The message that a key had already made, or a refusal."""
    if row["outcome"] in _REFUSALS:
        return _REFUSALS[row["outcome"]]()
    view = frames.message_view(
        id=row["message_id"],
        conversation_id=draft.conversation_id,
        seq=row["seq"],
        sender_id=row["sender_id"],
        body=row["body"],
        client_message_id=row["client_message_id"],
        sent_at=rfc3339(row["sent_at"]),
    )
    if change is not UNCHANGED:
        view |= change.shown(row["body"])
    return Sent(
        row["message_id"], first=False, repeated=row["outcome"] == "repeated", view=dumps(view)
    )


def _marks(draft: ReceiptDraft, row: Any) -> list[StreamEvent]:
    return [
        frames.receipt_recorded(
            type_, row[seq], row["conversation_id"], draft.message_id, draft.user_id, rfc3339(at)
        )
        for type_, seq, at in (
            ("message.delivered", "delivered_event_seq", row["delivered_at"]),
            ("message.read", "read_event_seq", row["read_at"]),
        )
        if row[seq] is not None
    ]

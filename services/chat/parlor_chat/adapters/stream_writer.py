"""Appends messages and receipts: one statement a batch, then straight to the sockets here.

Two batch writers share one database session, so that what this process commits reaches its
sockets in the order of the commits. The statements are in `migrations/0002_streams.py`.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from parlor_kit.answers import dumps
from parlor_kit.batching import BatchWriter
from parlor_kit.clock import rfc3339
from parlor_kit.database import Database, Session
from parlor_kit.errors import IdempotencyKeyReused, NotFound
from parlor_kit.hub import Hub, StreamEvent

from parlor_chat import frames
from parlor_chat.errors import NotARecipient, NotEntitled
from parlor_chat.ports import Draft, Receipt, ReceiptDraft, Sent
from parlor_chat.stream_statements import (
    APPEND_MESSAGES,
    APPEND_RECEIPTS,
    message_columns,
    receipt_columns,
)

Answer = Sent | Receipt | str | None


class StreamWriter:
    """The only writer of streams in this process, beside reactions in the worker.

    A batch answers with what is durable, or with the name of a refusal, or with None: the item
    shares a key with an earlier one of its batch and goes once more.
    """

    def __init__(self, database: Database, hub: Hub) -> None:
        self._session = Session(database)
        self._hub = hub
        self._turn = asyncio.Lock()
        self._messages = BatchWriter[Draft, Answer]("messages", self._append_messages)
        self._receipts = BatchWriter[ReceiptDraft, Answer]("receipts", self._append_receipts)

    async def close(self) -> None:
        await self._messages.close()
        await self._receipts.close()
        await self._session.close()

    async def send(self, draft: Draft) -> Sent:
        answer = None
        while answer is None:
            answer = await self._messages.submit(draft)
        if isinstance(answer, Sent):
            return answer
        raise _refusal(answer)

    async def record(self, draft: ReceiptDraft) -> Receipt:
        answer = None
        while answer is None:
            answer = await self._receipts.submit(draft)
        if isinstance(answer, Receipt):
            return answer
        raise _refusal(answer)

    async def _append_messages(self, batch: Sequence[Draft]) -> Sequence[Answer]:
        answers: list[Answer] = [None] * len(batch)
        places, drafts = _without_shared_keys(batch)
        async with self._turn:
            rows = await self._session.fetch(APPEND_MESSAGES, *message_columns(drafts))
            events: dict[UUID, list[StreamEvent]] = {}
            moment, moment_text = None, ""
            for place, draft, row in zip(places, drafts, rows, strict=True):
                outcome = row["outcome"]
                if outcome == "created":
                    if row["sent_at"] != moment:
                        moment = row["sent_at"]
                        moment_text = rfc3339(moment)
                    view = dumps(
                        frames.message_view(
                            id=draft.id,
                            conversation_id=draft.conversation_id,
                            seq=row["seq"],
                            sender_id=draft.sender_id,
                            body=draft.body,
                            client_message_id=draft.client_message_id,
                            sent_at=moment_text,
                        )
                    )
                    answers[place] = Sent(draft.id, True, False, view)
                    if self._hub.watches(draft.conversation_id):
                        events.setdefault(draft.conversation_id, []).append(
                            frames.message_sent(row["event_seq"], moment_text, view)
                        )
                else:
                    answers[place] = _known(draft, row)
            for conversation_id, stream in events.items():
                self._hub.deliver(conversation_id, stream)
        return answers

    async def _append_receipts(self, batch: Sequence[ReceiptDraft]) -> Sequence[Answer]:
        answers: list[Answer] = [None] * len(batch)
        seen: set[tuple[UUID, UUID]] = set()
        places, drafts = [], []
        for place, draft in enumerate(batch):
            mark = (draft.message_id, draft.user_id)
            if mark not in seen:
                seen.add(mark)
                places.append(place)
                drafts.append(draft)
        async with self._turn:
            rows = await self._session.fetch(APPEND_RECEIPTS, *receipt_columns(drafts))
            events: dict[UUID, list[StreamEvent]] = {}
            for place, draft, row in zip(places, drafts, rows, strict=True):
                if row["delivered_at"] is None or row["outcome"] not in ("created", "unchanged"):
                    answers[place] = row["outcome"]
                    continue
                answers[place] = Receipt(
                    draft.message_id, draft.user_id, row["delivered_at"], row["read_at"]
                )
                if row["outcome"] == "created" and self._hub.watches(row["conversation_id"]):
                    events.setdefault(row["conversation_id"], []).extend(_marks(draft, row))
            for conversation_id, stream in events.items():
                self._hub.deliver(conversation_id, stream)
        return answers


def _without_shared_keys(batch: Sequence[Draft]) -> tuple[list[int], list[Draft]]:
    """The drafts of a batch that share no key with an earlier one, and their places in it."""
    seen: set[tuple[UUID, UUID | None, bool, str]] = set()
    places, drafts = [], []
    for place, draft in enumerate(batch):
        keys = [
            (draft.conversation_id, draft.sender_id, from_client, key)
            for from_client, key in (
                (True, draft.client_message_id),
                (False, draft.idempotency_key),
            )
            if key is not None
        ]
        if seen.isdisjoint(keys):
            places.append(place)
            drafts.append(draft)
        seen.update(keys)
    return places, drafts


def _known(draft: Draft, row: Any) -> Answer:
    """The message that a key had already made, or the name of a refusal."""
    if row["outcome"] not in ("duplicate", "repeated"):
        return str(row["outcome"])
    view = frames.message_view(
        id=row["message_id"],
        conversation_id=draft.conversation_id,
        seq=row["seq"],
        sender_id=row["sender_id"],
        body=row["body"],
        client_message_id=row["client_message_id"],
        sent_at=rfc3339(row["sent_at"]),
    )
    return Sent(row["message_id"], False, row["outcome"] == "repeated", dumps(view))


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


def _refusal(outcome: object) -> Exception:
    match outcome:
        case "not_found":
            return NotFound()
        case "not_entitled":
            return NotEntitled()
        case "not_a_recipient":
            return NotARecipient()
        case "key_reused":
            return IdempotencyKeyReused()
    raise AssertionError(f"append answered {outcome!r}")

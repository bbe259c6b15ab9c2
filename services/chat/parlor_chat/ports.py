"""What the use cases of chat need from outside, and what they may answer with.

`adapters/` implements these over PostgreSQL and HTTP; unit tests bring fakes. The two records of
the hot path are plain and mutable because a frozen one costs a send more than its checks do.
"""

from asyncio import Future
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

Pair = tuple[UUID, UUID]


@dataclass(frozen=True, slots=True)
class Entitlement:
    """Whether a pair may chat, and the distributor whose relationships make it so."""

    pair: Pair
    entitled: bool
    distributor_id: UUID | None


class Entitlements(Protocol):
    """The customer service, asked about pairs of users."""

    async def check(self, pairs: Sequence[Pair]) -> Sequence[Entitlement]:
        """One answer a pair, in order; DependencyUnavailable when it cannot be asked."""


@dataclass(slots=True)
class Draft:
    """A message on its way to be appended; `sender_id` is None for the platform itself."""

    id: UUID
    conversation_id: UUID
    sender_id: UUID | None
    body: str
    client_message_id: str | None
    idempotency_key: str | None
    digest: bytes | None
    request_id: str
    traceparent: str


@dataclass(slots=True)
class Sent:
    """A message that is durable. `first` says that this very draft made it."""

    id: UUID
    first: bool
    repeated: bool
    view: bytes


@dataclass(slots=True)
class ReceiptDraft:
    """That `user_id` has received, or also read, a message."""

    message_id: UUID
    user_id: UUID
    is_read: bool
    request_id: str
    traceparent: str


@dataclass(slots=True)
class Receipt:
    """What is on record of one recipient and one message."""

    message_id: UUID
    user_id: UUID
    delivered_at: datetime
    read_at: datetime | None


class StreamWriter(Protocol):
    """Appends to conversations; the futures answer once the row is durable.

    Both fail with NotFound to those who take no part. `send` fails with NotEntitled on a closed
    conversation and with IdempotencyKeyReused; `record` with NotARecipient for the sender.
    """

    def send(self, draft: Draft) -> Future[Sent]: ...

    def record(self, draft: ReceiptDraft) -> Future[Receipt]: ...

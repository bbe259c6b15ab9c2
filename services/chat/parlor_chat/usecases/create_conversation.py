"""Creates a conversation of people who may all chat with each other.

Customer is asked before the transaction, so that no row is locked while another service answers.
Two people have one direct conversation: a unique index decides who of many at once makes it.
"""

import secrets
from collections.abc import Sequence
from uuid import UUID

from parlor_kit.answers import Answer
from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.errors import ValidationFailed
from parlor_kit.idempotency import Idempotency, IdempotencyKey
from parlor_kit.ids import new_id

from parlor_chat import events
from parlor_chat.conversation_rows import conversation_views, participants_key
from parlor_chat.errors import NotEntitled
from parlor_chat.models import Kind, Status
from parlor_chat.ports import Entitlements
from parlor_chat.usecases import entitlement

_INSERT = """
INSERT INTO conversations (id, kind, title, direct_key, participants_key, epoch, last_seq,
    event_seq, status, created_by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 'open', $7, $8)
ON CONFLICT (direct_key) DO NOTHING RETURNING true
"""

_JOIN = """
INSERT INTO participants (conversation_id, user_id, joined_at)
SELECT $1, user_id, $3 FROM unnest($2::uuid[]) AS user_id
"""

# A relationship may end between customer's answer and our commit; asking again bounds that.
_RECHECK_SECONDS = 5


class CreateConversation:
    """`POST /conversations`."""

    def __init__(self, idempotency: Idempotency, entitlements: Entitlements) -> None:
        self._idempotency = idempotency
        self._entitlements = entitlements

    async def __call__(
        self,
        creator: UUID,
        others: Sequence[UUID],
        title: str | None,
        key: IdempotencyKey | None,
    ) -> Answer:
        """The new conversation, or the one that these two people have.

        Raises:
            NotEntitled: some pair among them may not chat.
        """
        participants = [creator, *sorted(set(others) - {creator})]
        if len(participants) < 2:
            raise ValidationFailed([("participant_ids", "must name somebody beside yourself")])
        first = await self._idempotency.first_answer(key)
        if first is not None:
            return first
        answers = await entitlement.ask(self._entitlements, [participants])

        async def work(transaction: Transaction) -> Answer:
            return await self._create(transaction, participants, title, answers)

        return await self._idempotency.once(key, work)

    async def _create(
        self,
        transaction: Transaction,
        participants: list[UUID],
        title: str | None,
        answers: entitlement.Answers,
    ) -> Answer:
        connection = transaction.connection
        if not await entitlement.may_converse(connection, answers, participants):
            raise NotEntitled()
        kind = Kind.DIRECT if len(participants) == 2 else Kind.GROUP
        direct_key = ":".join(map(str, sorted(participants))) if kind is Kind.DIRECT else None
        conversation_id, moment = new_id(), now()
        created = await connection.fetchval(
            _INSERT,
            conversation_id,
            kind.value,
            title,
            direct_key,
            participants_key(participants),
            secrets.token_hex(6),
            participants[0],
            moment,
        )
        if created:
            await connection.execute(_JOIN, conversation_id, participants, moment)
            transaction.publish(
                events.conversation_created(
                    conversation_id, kind.value, participants, participants[0], moment
                )
            )
            await entitlement.recheck_later(
                connection, [conversation_id], seconds=_RECHECK_SECONDS, attempts=1
            )
        else:
            conversation_id = await self._reopened(transaction, direct_key)
        await entitlement.keep_grounds(connection, answers, conversation_id, participants)
        (view,) = await conversation_views(connection, participants[0], [conversation_id])
        return Answer(201 if created else 200, view, object_id=conversation_id)

    async def _reopened(self, transaction: Transaction, direct_key: str | None) -> UUID:
        """The conversation that these two have; open again, since they may chat."""
        row = await transaction.connection.fetchrow(
            "SELECT id, status FROM conversations WHERE direct_key = $1 FOR NO KEY UPDATE",
            direct_key,
        )
        if row["status"] == Status.CLOSED:
            await transaction.connection.execute(
                "UPDATE conversations SET status = 'open', closed_reason = NULL WHERE id = $1",
                row["id"],
            )
            transaction.publish(events.conversation_reopened(row["id"]))
        conversation_id: UUID = row["id"]
        return conversation_id

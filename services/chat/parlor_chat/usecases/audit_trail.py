"""Writes the audit records of moderation, holds and expiry, in the transaction of what they tell.

Called by use cases alone. A record names who acted by their credential, never by anything that
they sent, and never holds a word of a message. PostgreSQL gives it its place in the chain when the
transaction commits, see `migrations/0005_evidence.py`; a transaction that writes records should run
at READ COMMITTED, since at stricter levels it has to be repeated when another one came first.

Actions are `<noun>.<past participle>`: `hold.placed`, `conversation.reviewed`, `audit.viewed`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from parlor_kit import tracing
from parlor_kit.clock import now
from parlor_kit.principal import Principal, ServiceCaller

_INSERT = """
INSERT INTO audit_records
    (at, action, actor, role, conversation_id, hold_id, run_id, user_id, matter, reason, details,
    request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user by id, or a service by name."""

    name: str
    role: str

    @classmethod
    def user(cls, principal: Principal) -> "Actor":
        return cls(str(principal.id), principal.role.value)

    @classmethod
    def service(cls, caller: ServiceCaller) -> "Actor":
        return cls(caller.name, "service")


async def record(
    connection: asyncpg.Connection,
    action: str,
    actor: Actor,
    *,
    conversation_id: UUID | None = None,
    hold_id: UUID | None = None,
    run_id: UUID | None = None,
    user_id: UUID | None = None,
    matter: str | None = None,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> None:
    """Add one record; it commits or rolls back with the caller's transaction.

    `user_id` is the account that it is about, never who acts. `details` hold text, whole numbers,
    booleans and lists of them, so that anybody can write them in canonical JSON. `at` is for what
    happened elsewhere and is told here.
    """
    await connection.execute(
        _INSERT,
        at or now(),
        action,
        actor.name,
        actor.role,
        conversation_id,
        hold_id,
        run_id,
        user_id,
        matter,
        reason,
        orjson.dumps(details or {}, option=orjson.OPT_SORT_KEYS).decode(),
        tracing.current().request_id,
    )

"""What became of an erased account: what went, what stays for how long, and what keeps it.

Called by the admin API. Counts and keepers are those of the last sweep; the other services' parts
are what they said themselves. Nobody else sees it: that a hold concerns somebody is confidential.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from parlor_kit.database import Database
from parlor_kit.errors import NotFound

_ONE = """
SELECT account_id, state, erased_at, learned_at, swept_at, finished_at,
    (SELECT max(export.expires_at) FROM erased_conversations own
        JOIN export_conversations planned USING (conversation_id)
        JOIN exports export ON export.id = planned.export_id
        WHERE own.account_id = $1 AND export.state = 'ready') AS exports_until,
    (SELECT coalesce(sum(erased), 0)::bigint FROM erased_conversations WHERE account_id = $1)
        AS messages_erased,
    (SELECT coalesce(sum(kept), 0)::bigint FROM erased_conversations WHERE account_id = $1)
        AS messages_kept,
    (SELECT count(*) FROM erased_conversations WHERE account_id = $1) AS conversations
FROM erasures WHERE account_id = $1
"""

_KEPT = """
SELECT conversation_id, kept, kept_for, checked_at FROM erased_conversations
WHERE account_id = $1 AND (kept > 0 OR kept_for IS NOT NULL) ORDER BY id LIMIT $2
"""

_REPORTS = """
SELECT service, told_at, details FROM erasure_reports WHERE account_id = $1 ORDER BY service
"""

MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class KeptConversation:
    """Messages of the account that are still there, and the holds and cases that keep them.

    None where only a title, a reason or a notice is kept, see `erasure_traces`.
    """

    conversation_id: UUID
    messages: int
    kept_for: Sequence[Mapping[str, str]]
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """What another service said that it did."""

    service: str
    told_at: datetime
    details: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """The report; `kept` names the first two hundred conversations."""

    row: Mapping[str, Any]
    kept: Sequence[KeptConversation]
    services: Sequence[ServiceReport]


class ReadErasure:
    """See the module."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, account_id: UUID) -> ErasureReport:
        """Raises `NotFound` for an account that was not erased, as far as is known here."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_ONE, account_id)
            if row is None:
                raise NotFound("No such account was erased")
            kept = await connection.fetch(_KEPT, account_id, MOST_LISTED)
            reports = await connection.fetch(_REPORTS, account_id)
        return ErasureReport(
            row,
            [
                KeptConversation(
                    each["conversation_id"],
                    each["kept"],
                    orjson.loads(each["kept_for"] or "[]"),
                    each["checked_at"],
                )
                for each in kept
            ],
            [
                ServiceReport(each["service"], each["told_at"], orjson.loads(each["details"]))
                for each in reports
            ],
        )

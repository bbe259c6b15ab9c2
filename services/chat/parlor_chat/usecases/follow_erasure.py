"""Reactions to an erased account: it is shut out now, and its traces are put down for the worker.

`account.erased` does at once what disabling does, in case that event is late or lost to a dead
letter. What is to be erased can be much, so only a row is written here; `erase_messages` goes by
it. The other services tell what they did, and the report of the erasure has it.
"""

from datetime import datetime
from uuid import UUID

import orjson
from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.events import Event

from parlor_chat.ports import Entitlements
from parlor_chat.usecases.follow_accounts import follow_account

_NOTE = """
INSERT INTO erasures (account_id, state, erased_at, learned_at, due_at)
VALUES ($1, 'erasing', $2, $3, $3) ON CONFLICT (account_id) DO NOTHING
"""

_REPORT = """
INSERT INTO erasure_reports (account_id, service, told_at, details) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id, service) DO UPDATE SET told_at = excluded.told_at,
    details = excluded.details
WHERE erasure_reports.told_at < excluded.told_at
"""

_NOT_DETAILS = {"account_id", "at"}


async def follow_erasure(
    entitlements: Entitlements, transaction: Transaction, event: Event
) -> None:
    """Shut the account out, and let the worker erase what it wrote."""
    await follow_account(entitlements, transaction, event)
    await transaction.connection.execute(
        _NOTE,
        UUID(event.data["account_id"]),
        datetime.fromisoformat(event.data["erased_at"]),
        now(),
    )


async def keep_erasure_report(_: Entitlements, transaction: Transaction, event: Event) -> None:
    """Keep what the customer or the game service did about an erased account."""
    service = event.topic.partition(".")[0]
    details = {name: value for name, value in event.data.items() if name not in _NOT_DETAILS}
    await transaction.connection.execute(
        _REPORT,
        UUID(event.data["account_id"]),
        service,
        datetime.fromisoformat(event.data["at"]),
        orjson.dumps(details, option=orjson.OPT_SORT_KEYS).decode(),
    )

"""TABLE: where a message leaves traces beside its own row and its receipts.

Used by the batches of archive expiry and by the dropping of months, which both have to leave none.
A table that comes to hold anything of a message, its text above all, gets a row here; the test that
scans every table for the text of expired messages finds the one that was forgotten.
"""

from typing import Final

import asyncpg

# Table, its column that holds ids of messages alone, which an index begins with, and whether the
# table lies in months that are dropped with those of the messages.
TRACES: Final[tuple[tuple[str, str, bool], ...]] = (
    ("message_versions", "message_id", False),
    ("message_search", "message_id", True),
    ("reports", "message_id", False),
    ("case_notes", "message_id", False),
    ("notices", "message_id", False),
)

_FORGETTING = 0x464F5247  # "FORG"

_NOBODY = "00000000-0000-0000-0000-000000000000"

# Arrays rather than joins: a plan that walks a whole table by its index would be one of them.
_RETRIES = """forgotten_client_keys AS (
    DELETE FROM message_keys USING {doomed} AS doomed
    WHERE message_keys.conversation_id = doomed.conversation_id
        AND message_keys.sender_id = coalesce(doomed.sender_id, '{nobody}')
        AND message_keys.kind = 'client' AND message_keys.key = doomed.client_message_id
), forgotten_keys AS (
    DELETE FROM message_keys
    WHERE kind = 'idempotency' AND message_id = ANY (ARRAY(SELECT id FROM {doomed}))
), forgotten_answers AS (
    DELETE FROM idempotency_records
    WHERE object_id = ANY (ARRAY(SELECT id FROM {doomed}))
)"""

_TRACE = """, forgotten_{table} AS (
    DELETE FROM {table}
    WHERE {column} BETWEEN {first} AND {last} AND {column} = ANY (ARRAY(SELECT id FROM {doomed}))
)"""


async def forget_retries_alone(connection: asyncpg.Connection) -> None:
    """Keep others from deleting what repeated requests are answered from, until the commit.

    For whoever deletes many in one transaction and enters the gate of `hold_coverage` after that:
    somebody who waited for those rows inside the gate would keep holds waiting. So erasure, which
    deletes some inside the gate, comes here first.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _FORGETTING)


def forget_retries(doomed: str) -> str:
    """CTEs that delete what a repeated request is answered from, for messages of CTE `doomed`."""
    return _RETRIES.format(doomed=doomed, nobody=_NOBODY)


def forget_traces(doomed: str, first: str, last: str) -> str:
    """CTEs, after another, that delete every other trace of the messages of CTE `doomed`.

    `first` and `last` are parameters between which their ids are, for the months' sake.
    """
    return "".join(
        _TRACE.format(table=table, column=column, doomed=doomed, first=first, last=last)
        for table, column, _ in TRACES
    )


def forget_range(first: str, last: str) -> list[str]:
    """Statements that delete what a dropped month would leave of messages between two ids."""
    return [
        f"DELETE FROM {table} WHERE {column} BETWEEN {first} AND {last}"  # noqa: S608 - TRACES
        for table, column, in_months in TRACES
        if not in_months
    ]


def forget_stragglers(first: str, last: str) -> str:
    """A statement for after a dropped month: keys that came to its messages at the last moment.

    A repetition that came with a new key while the month was going has left one.
    """
    return (
        "DELETE FROM message_keys WHERE kind = 'idempotency' "  # noqa: S608 - parameters
        f"AND message_id BETWEEN {first} AND {last}"
    )

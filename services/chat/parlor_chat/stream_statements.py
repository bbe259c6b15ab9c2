"""The two statements that write streams, and their arguments in columns.

The functions are made in `migrations/0002_streams.py`. The stream writer of an api process calls
them for batches, reactions in the worker inside their own transaction; nothing else may.
"""

from collections.abc import Sequence
from typing import Any, Final

from parlor_kit.ids import new_id

from parlor_chat.ports import Draft, ReceiptDraft

APPEND_MESSAGES: Final = "SELECT * FROM append_messages($1, $2, $3, $4, $5, $6, $7, $8, $9)"
APPEND_RECEIPTS: Final = "SELECT * FROM append_receipts($1, $2, $3, $4, $5, $6, $7)"


def message_columns(drafts: Sequence[Draft]) -> tuple[list[Any], ...]:
    """The arguments of `append_messages`."""
    return (
        [draft.conversation_id for draft in drafts],
        [draft.sender_id for draft in drafts],
        [draft.body for draft in drafts],
        [draft.client_message_id for draft in drafts],
        [draft.idempotency_key for draft in drafts],
        [draft.digest for draft in drafts],
        [draft.id for draft in drafts],
        [draft.request_id for draft in drafts],
        [draft.traceparent for draft in drafts],
    )


def receipt_columns(drafts: Sequence[ReceiptDraft]) -> tuple[list[Any], ...]:
    """The arguments of `append_receipts`."""
    return (
        [draft.message_id for draft in drafts],
        [draft.user_id for draft in drafts],
        [draft.is_read for draft in drafts],
        [new_id() for _ in drafts],
        [new_id() for _ in drafts],
        [draft.request_id for draft in drafts],
        [draft.traceparent for draft in drafts],
    )

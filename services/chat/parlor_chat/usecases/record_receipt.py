"""Records that a recipient has received or read a message; the first time stands."""

from asyncio import Future
from uuid import UUID

from parlor_kit.tracing import Trace

from parlor_chat.ports import Receipt, ReceiptDraft, StreamWriter


class RecordReceipt:
    """`delivered` and `read`, by HTTP and over sockets."""

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer

    def __call__(
        self, user_id: UUID, message_id: UUID, *, is_read: bool, trace: Trace
    ) -> Future[Receipt]:
        """What is on record now; read implies delivered.

        Raises, when awaited:
            NotFound: there is no such message for this user.
            NotARecipient: the user is its sender.
        """
        return self._writer.record(
            ReceiptDraft(message_id, user_id, is_read, trace.request_id, trace.traceparent)
        )

"""Records that a recipient has received or read a message; the first time stands."""

from uuid import UUID

from parlor_kit.tracing import Trace

from parlor_chat.ports import Receipt, ReceiptDraft, StreamWriter


class RecordReceipt:
    """`delivered` and `read`, by HTTP and over sockets."""

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer

    async def __call__(
        self, user_id: UUID, message_id: UUID, *, is_read: bool, trace: Trace
    ) -> Receipt:
        """What is on record now; read implies delivered.

        Raises:
            NotFound: there is no such message for this user.
            NotARecipient: the user is its sender.
        """
        return await self._writer.record(
            ReceiptDraft(message_id, user_id, is_read, trace.request_id, trace.traceparent)
        )

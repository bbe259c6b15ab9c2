"""The worker's job: builds the exports that were asked for, one at a time, whatever is killed.

An export is claimed by its row, with a lease that every write renews. When a builder is gone, the
next one takes up at the last checkpoint; when one is only slow, it finds its lease lost and stops.
Memory is bounded by a page of messages and a chunk of the archive, however much there is to read;
what costs the processor is done off the event loop, since the relay of this process shares it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from parlor_kit import logs
from parlor_kit.database import Database
from parlor_kit.ids import new_id

from parlor_chat import export_rendering as rendering
from parlor_chat.signing import Signer
from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.export_reading import read_conversation, read_messages
from parlor_chat.usecases.export_writer import (
    CHUNK_BYTES,
    LEASE,
    Checkpoint,
    Claim,
    ExportWriter,
    LeaseLost,
)
from parlor_chat.usecases.exports import BUILDER, about
from parlor_chat.usecases.finish_export import finish_export, planned_conversations

log = logs.get("exports")

_MOST_ATTEMPTS = 5
_PAGE = 200
_CHECKPOINT_EVERY = 50  # conversations

_CLAIM = """
UPDATE exports SET state = 'building', builder = $1, leased_until = clock_timestamp() + $2,
    attempts = attempts + 1, started_at = coalesce(started_at, clock_timestamp())
WHERE id = (
    SELECT id FROM exports
    WHERE state = 'pending' OR state = 'building' AND leased_until < clock_timestamp()
    ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING *
"""

_GO_BACK = "DELETE FROM export_chunks WHERE export_id = $1 AND number > $2"

_UNREAD = """
UPDATE export_conversations SET messages = NULL, found = NULL
WHERE export_id = $1 AND position > $2 AND found IS NOT NULL
"""

_COUNT = """
UPDATE exports SET messages_done = $2, messages_total = coalesce(messages_total, (
    SELECT count(*) FROM export_conversations planned
    JOIN messages USING (conversation_id) WHERE planned.export_id = $1
)) WHERE id = $1
"""

_WAS_READ = """
UPDATE export_conversations SET messages = $3, found = $4 WHERE export_id = $1 AND position = $2
"""

_GIVE_UP = """
UPDATE exports SET state = 'failed', finished_at = clock_timestamp(), builder = NULL,
    leased_until = NULL
WHERE id = $1 AND builder = $2
"""

_LET_GO = """
UPDATE exports SET state = 'pending', builder = NULL, leased_until = NULL,
    attempts = greatest(attempts - $3, 0)
WHERE id = $1 AND builder = $2
"""


class BuildExports:
    """See the module."""

    def __init__(
        self,
        database: Database,
        signer: Signer,
        keep: timedelta,
        *,
        before_signing: Callable[[], Awaitable[None]],
        page: int = _PAGE,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._database = database
        self._signer = signer
        self._keep = keep
        self._before_signing = before_signing
        self._page = page
        self._chunk_bytes = chunk_bytes

    async def __call__(self) -> None:
        """Build until nothing waits."""
        while await self._next():
            pass

    async def _next(self) -> bool:
        await self._before_signing()
        claim = await self._claim()
        if claim is None:
            return False
        said = {"export_id": str(claim.id)}
        try:
            if claim.export["attempts"] > _MOST_ATTEMPTS:
                await self._give_up(claim)
                log.error("export.failed", **said)
            else:
                await self._build(claim)
                log.info("export.ready", **said)
        except LeaseLost:
            log.warning("export.lease_lost", **said)
        except BaseException as fault:
            # Who is told to stop has not failed. Where this does not succeed, the lease runs out.
            uncounted = int(isinstance(fault, asyncio.CancelledError))
            with suppress(Exception):
                async with self._database.connection() as connection:
                    await connection.execute(_LET_GO, claim.id, claim.builder, uncounted)
            raise
        return True

    async def _claim(self) -> Claim | None:
        builder = new_id()
        async with self._database.transaction() as transaction:
            connection = transaction.connection
            export = await connection.fetchrow(_CLAIM, builder, LEASE)
            if export is None:
                return None
            checkpoint = Checkpoint.of(export["checkpoint"])
            await connection.execute(_GO_BACK, export["id"], checkpoint.number)
            await connection.execute(_UNREAD, export["id"], checkpoint.conversations)
            await connection.execute(_COUNT, export["id"], checkpoint.messages)
            await audit_trail.record(
                connection,
                "export.started",
                BUILDER,
                details={**about(export), "from_conversation": checkpoint.conversations},
            )
        return Claim(export, builder, checkpoint)

    async def _give_up(self, claim: Claim) -> None:
        async with self._database.transaction() as transaction:
            await transaction.connection.execute(_GIVE_UP, claim.id, claim.builder)
            await audit_trail.record(
                transaction.connection, "export.failed", BUILDER, details=about(claim.export)
            )

    async def _build(self, claim: Claim) -> None:
        writer = ExportWriter(self._database, claim, chunk_bytes=self._chunk_bytes)
        read: list[tuple[int, UUID, int | None]] = []
        async for planned in planned_conversations(
            self._database, claim.id, after=writer.conversations
        ):
            messages = await self._conversation(writer, planned["conversation_id"])
            read.append((planned["position"], planned["conversation_id"], messages))
            writer.conversations += 1
            if writer.full or len(read) == _CHECKPOINT_EVERY:
                await self._checkpoint(claim, writer, read)
        await self._checkpoint(claim, writer, read)
        await finish_export(self._database, self._signer, self._keep, claim, writer)

    async def _checkpoint(
        self, claim: Claim, writer: ExportWriter, read: list[tuple[int, UUID, int | None]]
    ) -> None:
        async with self._database.transaction() as transaction:
            await writer.checkpoint(transaction)
            for position, conversation_id, messages in read:
                await transaction.connection.execute(
                    _WAS_READ, claim.id, position, messages or 0, messages is not None
                )
                await audit_trail.record(
                    transaction.connection,
                    "conversation.exported",
                    BUILDER,
                    conversation_id=conversation_id,
                    reason=claim.export["reason"],
                    details={
                        "export_id": str(claim.id),
                        "for": str(claim.export["requested_by"]),
                        "messages": messages,
                    },
                )
        read.clear()

    async def _conversation(self, writer: ExportWriter, conversation_id: UUID) -> int | None:
        """Its four kinds of files; how many messages, or None when there is no conversation."""
        conversation = await read_conversation(self._database, conversation_id)
        if conversation is None:
            return None
        folder = f"conversations/{conversation_id}"
        growing, place = writer.begin(f"{folder}/messages.jsonl")
        count, first, last, at_hand = 0, None, 0, []
        while records := await read_messages(
            self._database, conversation, after_seq=last, limit=self._page
        ):
            lines = await asyncio.to_thread(rendering.json_lines, records)
            await asyncio.to_thread(growing.write, b"".join(lines))
            at_hand = lines if not count else []
            count += len(records)
            writer.messages += len(records)
            first, last = first or records[0]["seq"], records[-1]["seq"]
            await writer.flush_when_full()
        entry = writer.end(growing)
        if count and not at_hand:
            await writer.flush()

        async def pages() -> AsyncIterator[Sequence[bytes]]:
            if at_hand:
                yield at_hand
            elif count:
                async for lines in writer.lines(entry, place):
                    for start in range(0, len(lines), self._page):
                        yield lines[start : start + self._page]

        conversation |= {"messages": count, "first_seq": first, "last_seq": last or None}
        writer.add(
            f"{folder}/conversation.json", orjson.dumps(conversation, option=orjson.OPT_INDENT_2)
        )
        await self._page_for_people(writer, folder, conversation, pages())
        await self._mails(writer, folder, conversation["title"], pages())
        return count

    async def _page_for_people(
        self,
        writer: ExportWriter,
        folder: str,
        conversation: dict[str, Any],
        pages: AsyncIterator[Sequence[bytes]],
    ) -> None:
        growing, _ = writer.begin(f"{folder}/conversation.html")
        growing.write(rendering.page_begin(conversation))

        def render(lines: Sequence[bytes]) -> None:
            growing.write(rendering.page_messages(map(rendering.read_line, lines)))

        async for lines in pages:
            await asyncio.to_thread(render, lines)
            await writer.flush_when_full()
        growing.write(rendering.PAGE_END)
        writer.end(growing)

    async def _mails(
        self,
        writer: ExportWriter,
        folder: str,
        title: str | None,
        pages: AsyncIterator[Sequence[bytes]],
    ) -> None:
        def render(lines: Sequence[bytes]) -> None:
            for line in map(rendering.read_line, lines):
                path = f"{folder}/messages/{line['seq']:09}.eml"
                writer.add(path, rendering.mail(line, title))

        async for lines in pages:
            await asyncio.to_thread(render, lines)
            await writer.flush_when_full()

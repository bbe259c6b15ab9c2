"""Ends an export: an index, the manifest and its signature, the directory, and the hash of it all.

Used by `build_exports` when every conversation has been read. Whatever is interrupted in here is
done again from the last checkpoint, which is before all of it.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from parlor_kit.answers import dumps
from parlor_kit.clock import now, rfc3339
from parlor_kit.database import Database

from parlor_chat import export_rendering as rendering
from parlor_chat.export_models import ChunkKind
from parlor_chat.signing import EXPORT_MANIFEST, Signer, canonical
from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.export_writer import Claim, ExportWriter, LeaseLost
from parlor_chat.usecases.exports import BUILDER, about, chunks

_PLANNED = """
SELECT position, conversation_id, messages, found FROM export_conversations
WHERE export_id = $1 AND position > $2 ORDER BY position LIMIT 100
"""

_READY = """
UPDATE exports SET state = 'ready', finished_at = $3, expires_at = $4, size_bytes = $5,
    sha256 = $6, manifest_sha256 = $7, builder = NULL, leased_until = NULL
WHERE id = $1 AND builder = $2 RETURNING true
"""

_README = b"""An export of conversations.

index.html                            where a person begins to read
conversations/<id>/conversation.json  the conversation, its people and its legal holds
conversations/<id>/messages.jsonl     a line a message: its text as it was sent, every later
                                      version, who took part at that time, to whom it was
                                      delivered and when, who read it and when
conversations/<id>/conversation.html  the same for reading
conversations/<id>/messages/*.eml     the same, a mail a message (RFC 5322)
manifest.json                         every file with its size and SHA-256
manifest.dsse.json                    the signed statement of manifest.json (DSSE, Ed25519)

All times are in UTC. `parlor verify-export` checks the whole without asking anybody.
"""


async def planned_conversations(
    database: Database, export_id: UUID, *, after: int = 0
) -> AsyncIterator[Any]:
    """The conversations of an export in their order, with what came of those already read."""
    while True:
        async with database.connection() as connection:
            rows = await connection.fetch(_PLANNED, export_id, after)
        for row in rows:
            yield row
        if not rows:
            return
        after = rows[-1]["position"]


async def finish_export(
    database: Database, signer: Signer, keep: timedelta, claim: Claim, writer: ExportWriter
) -> None:
    """Raises `LeaseLost` when another process has taken the export over."""
    export = claim.export
    growing, _ = writer.begin("index.html")
    growing.write(rendering.index_begin(f"Export of the {export['scope']} {export['subject']}"))
    async for row in planned_conversations(database, claim.id):
        item = rendering.index_item(
            str(row["conversation_id"]), row["messages"] if row["found"] else None
        )
        growing.write(item)
    growing.write(rendering.INDEX_END)
    writer.end(growing)
    writer.add("README.txt", _README)
    await writer.flush()
    finished = now()
    manifest_sha256 = await _manifest(database, signer, claim, writer, rfc3339(finished))
    await writer.flush()
    await writer.finish(chunks(database, claim.id, ChunkKind.DIRECTORY))
    digest = hashlib.sha256()
    async for chunk in chunks(database, claim.id, ChunkKind.CONTENT):
        await asyncio.to_thread(digest.update, chunk)
        async with database.connection() as connection:
            await writer.renew(connection)
    async with database.transaction() as transaction:
        ours = await transaction.connection.fetchval(
            _READY,
            *(claim.id, claim.builder, finished, now() + keep),
            *(writer.size, digest.hexdigest(), manifest_sha256),
        )
        if not ours:
            raise LeaseLost()
        await transaction.connection.execute(
            "DELETE FROM export_chunks WHERE export_id = $1 AND kind <> 'content'", claim.id
        )
        await audit_trail.record(
            transaction.connection,
            "export.finished",
            BUILDER,
            details={
                **about(export),
                "conversations": writer.conversations,
                "messages": writer.messages,
                "size_bytes": writer.size,
                "sha256": digest.hexdigest(),
                "manifest_sha256": manifest_sha256,
            },
        )


async def _manifest(
    database: Database, signer: Signer, claim: Claim, writer: ExportWriter, at: str
) -> str:
    """manifest.json and the signed statement about it; the digest of the first."""
    statement = {
        "format": "parlor-export/1",
        "export_id": str(claim.id),
        "scope": str(claim.export["scope"]),
        "subject": claim.export["subject"],
        "reason": claim.export["reason"],
        "requested_by": str(claim.export["requested_by"]),
        "requested_at": rfc3339(claim.export["requested_at"]),
        "finished_at": at,
        "conversations": writer.conversations,
        "messages": writer.messages,
    }
    growing, _ = writer.begin("manifest.json")
    growing.write(dumps(statement)[:-1] + b',"files":[\n')
    before = b""
    async for part in chunks(database, claim.id, ChunkKind.MANIFEST):
        growing.write(before + part.rstrip(b"\n").replace(b"\n", b",\n"))
        before = b",\n"
        await writer.flush_when_full()
    growing.write(b"\n]}\n")
    entry = writer.end(growing, listed=False)
    signed = canonical(statement | {"manifest_sha256": entry.sha256})
    envelope = signer.envelope(EXPORT_MANIFEST, signed)
    writer.add("manifest.dsse.json", dumps(envelope), listed=False)
    return entry.sha256

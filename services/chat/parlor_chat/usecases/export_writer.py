"""Puts the bytes of one export into the database, in chunks, for as long as its lease is ours.

Used by `build_exports`. What is in memory is one chunk and what belongs to it of directory and
manifest; all three are written in one transaction that renews the lease, or finds it lost and
writes nothing. A checkpoint is a place between two conversations from which another process can go
on: the next free number, the length so far, and how much of what has been counted.
"""

import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from parlor_kit.answers import dumps
from parlor_kit.database import Database, Transaction

from parlor_chat.export_archive import Archive, Entry, GrowingEntry
from parlor_chat.export_models import ChunkKind

LEASE = timedelta(seconds=30)
CHUNK_BYTES = 512 * 1024

_RENEW = """
UPDATE exports SET leased_until = clock_timestamp() + $3, messages_done = $4
WHERE id = $1 AND builder = $2 RETURNING true
"""

_CHECKPOINT = """
UPDATE exports SET checkpoint = $2, conversations_done = $3,
    attempts = CASE WHEN conversations_done < $3 THEN 0 ELSE attempts END
WHERE id = $1
"""

_WRITE = """
INSERT INTO export_chunks (export_id, kind, number, content) VALUES ($1, $2, $3, $4)
"""

_READ = """
SELECT content FROM export_chunks WHERE export_id = $1 AND kind = 'content' AND number = $2
"""

_MOST_UNPACKED = 1024 * 1024


class LeaseLost(Exception):
    """Another process builds this export now."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where to go on: after chunk `number`, at `offset` of the archive."""

    number: int = 0
    offset: int = 0
    files: int = 0
    conversations: int = 0
    messages: int = 0

    @classmethod
    def of(cls, stored: str | None) -> "Checkpoint":
        return cls(**orjson.loads(stored)) if stored else cls()


@dataclass(frozen=True, slots=True)
class Claim:
    """An export that this process may build, until the lease runs out."""

    export: Any
    builder: UUID
    checkpoint: Checkpoint

    @property
    def id(self) -> UUID:
        export_id: UUID = self.export["id"]
        return export_id


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the data of an entry begins: in the chunk of this number, so many bytes in."""

    number: int
    skip: int


class ExportWriter:
    """See the module."""

    def __init__(self, database: Database, claim: Claim, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        begin = claim.checkpoint
        self._database = database
        self._claim = claim
        self._chunk_bytes = chunk_bytes
        moment: datetime = claim.export["requested_at"]
        self._archive = Archive(moment, offset=begin.offset)
        self._directory = bytearray()
        self._manifest = bytearray()
        self._number = begin.number
        self.files = begin.files
        self.conversations = begin.conversations
        self.messages = begin.messages

    @property
    def full(self) -> bool:
        return self._archive.pending >= self._chunk_bytes

    @property
    def size(self) -> int:
        return self._archive.offset

    def add(self, path: str, content: bytes, *, listed: bool = True) -> Entry:
        """A file that is known whole; the manifest lists all but itself and its signature."""
        return self._note(self._archive.add(path, content), listed)

    def begin(self, path: str) -> tuple[GrowingEntry, _Place]:
        """A file to be written piece by piece, and the place to read it back from."""
        growing = self._archive.begin(path)
        return growing, _Place(self._number + 1, self._archive.pending)

    def end(self, growing: GrowingEntry, *, listed: bool = True) -> Entry:
        return self._note(growing.close(), listed)

    def _note(self, entry: Entry, listed: bool) -> Entry:
        self._directory += entry.directory_record()
        if listed:
            said = {"path": entry.path, "size": entry.size, "sha256": entry.sha256}
            self._manifest += dumps(said) + b"\n"
        self.files += 1
        return entry

    async def flush_when_full(self) -> None:
        if self.full:
            await self.flush()

    async def flush(self) -> None:
        """Write what has come together."""
        async with self._database.transaction() as transaction:
            await self._write(transaction)

    async def checkpoint(self, transaction: Transaction) -> None:
        """Write it together with the place after it, in a transaction of the caller."""
        await self._write(transaction)
        here = Checkpoint(
            self._number, self._archive.offset, self.files, self.conversations, self.messages
        )
        await transaction.connection.execute(
            _CHECKPOINT, self._claim.id, orjson.dumps(asdict(here)).decode(), self.conversations
        )

    async def renew(self, connection: asyncpg.Connection) -> None:
        """Raises `LeaseLost` when it is too late."""
        ours = await connection.fetchval(
            _RENEW, self._claim.id, self._claim.builder, LEASE, self.messages
        )
        if not ours:
            raise LeaseLost()

    async def _write(self, transaction: Transaction) -> None:
        connection = transaction.connection
        await self.renew(connection)
        content = self._archive.take()
        if not content:
            return
        self._number += 1
        for kind, bytes_ in (
            (ChunkKind.CONTENT, content),
            (ChunkKind.DIRECTORY, bytes(self._directory)),
            (ChunkKind.MANIFEST, bytes(self._manifest)),
        ):
            if bytes_:
                await connection.execute(_WRITE, self._claim.id, kind, self._number, bytes_)
        self._directory.clear()
        self._manifest.clear()

    async def finish(self, directory: AsyncIterator[bytes]) -> None:
        """The directory and the end; every entry has been flushed."""
        size = 0
        async for part in directory:
            self._archive.put(part)
            size += len(part)
            await self.flush_when_full()
        self._archive.finish(self.files, size)
        await self.flush()

    async def lines(self, entry: Entry, place: _Place) -> AsyncIterator[Sequence[bytes]]:
        """The lines of an entry that was flushed, as they were written, some at a time."""
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        number, skip, left, rest = place.number, place.skip, entry.packed, b""
        while left:
            async with self._database.connection() as connection:
                content: bytes = await connection.fetchval(_READ, self._claim.id, number)
            packed = content[skip : skip + left]
            number, skip, left = number + 1, 0, left - len(packed)
            while packed:
                data = rest + unpacker.decompress(packed, _MOST_UNPACKED)
                packed = unpacker.unconsumed_tail
                *whole, rest = data.split(b"\n")
                yield whole
        while not unpacker.eof and (data := unpacker.decompress(b"", _MOST_UNPACKED)):
            *whole, rest = (rest + data).split(b"\n")
            yield whole

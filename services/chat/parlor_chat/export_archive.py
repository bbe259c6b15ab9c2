"""A zip that only grows at its end, so that its making can stop anywhere and go on elsewhere.

Used by `usecases/build_exports.py`. A zip is a row of entries and then a directory of them. The
libraries keep the directory in memory until the end, which an export of a million messages cannot
afford and a killed process loses; here each entry's record is handed out to be stored beside the
bytes. Nothing here reads, waits or knows what an export is.

https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT — deflate, UTF-8 names, ZIP64 where the
numbers need it; an entry of unknown length is followed by its sizes (general purpose bit 3).
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime

_NAMES_IN_UTF8 = 0x0800
_SIZES_FOLLOW = 0x0008
_DEFLATED = 8
_PLAIN, _ZIP64 = 20, 45
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
_LEVEL = 6
_READABLE = 0o100444 << 16


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that is in the archive: what the manifest says of it, and where it is."""

    path: str
    size: int
    sha256: str
    crc: int
    packed: int
    offset: int
    data_offset: int
    flags: int
    stamp: tuple[int, int]

    def directory_record(self) -> bytes:
        """Its record in the directory at the end of the archive."""
        name = self.path.encode()
        wide = [n for n in (self.size, self.packed, self.offset) if n >= _FULL_32]
        extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        version = _ZIP64 if wide or self.flags & _SIZES_FOLLOW else _PLAIN
        head = struct.pack(
            "<4sBBHHHHHLLLHHHHHLL",
            b"PK\x01\x02",
            version,
            3,  # the attributes are those of Unix
            version,
            self.flags,
            _DEFLATED,
            *self.stamp,
            self.crc,
            min(self.packed, _FULL_32),
            min(self.size, _FULL_32),
            len(name),
            len(extra),
            0,
            0,
            0,
            _READABLE,
            min(self.offset, _FULL_32),
        )
        return head + name + extra


class Archive:
    """Makes the bytes of an archive from `offset` on; `take` hands them out."""

    def __init__(self, moment: datetime, *, offset: int = 0) -> None:
        self._stamp = _dos_time(moment)
        self._pending = bytearray()
        self._offset = offset

    @property
    def offset(self) -> int:
        """How long the archive is so far, what was not taken yet included."""
        return self._offset

    @property
    def pending(self) -> int:
        return len(self._pending)

    def take(self) -> bytes:
        """The bytes since the last time."""
        content = bytes(self._pending)
        self._pending.clear()
        return content

    def add(self, path: str, content: bytes) -> Entry:
        """A file that is known whole."""
        start = self._offset
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed = packer.compress(content) + packer.flush()
        crc = zlib.crc32(content)
        self.put(self._header(path, 0, crc, len(packed), len(content), b""))
        data_offset = self._offset
        self.put(packed)
        return Entry(
            path=path,
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            crc=crc,
            packed=len(packed),
            offset=start,
            data_offset=data_offset,
            flags=_NAMES_IN_UTF8,
            stamp=self._stamp,
        )

    def begin(self, path: str) -> "GrowingEntry":
        """A file whose end is not known yet; no other can begin before it is closed."""
        start = self._offset
        extra = struct.pack("<HHQQ", 1, 16, 0, 0)
        self.put(self._header(path, _SIZES_FOLLOW, 0, _FULL_32, _FULL_32, extra))
        return GrowingEntry(self, path, start)

    def put(self, content: bytes) -> None:
        self._pending += content
        self._offset += len(content)

    def finish(self, entries: int, directory_size: int) -> None:
        """What comes after the directory, which has just been `put`."""
        start = self._offset - directory_size
        if entries >= _FULL_16 or start >= _FULL_32 or directory_size >= _FULL_32:
            at = self._offset
            self.put(
                struct.pack(
                    "<4sQHHLLQQQQ",
                    *(b"PK\x06\x06", 44, _ZIP64, _ZIP64, 0, 0),
                    *(entries, entries, directory_size, start),
                )
            )
            self.put(struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1))
        few = min(entries, _FULL_16)
        size, place = min(directory_size, _FULL_32), min(start, _FULL_32)
        self.put(struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, few, few, size, place, 0))

    def _header(
        self, path: str, flags: int, crc: int, packed: int, size: int, extra: bytes
    ) -> bytes:
        name = path.encode()
        head = struct.pack(
            "<4sHHHHHLLLHH",
            b"PK\x03\x04",
            _ZIP64 if extra else _PLAIN,
            _NAMES_IN_UTF8 | flags,
            _DEFLATED,
            *self._stamp,
            crc,
            packed,
            size,
            len(name),
            len(extra),
        )
        return head + name + extra


class GrowingEntry:
    """A file that is being written, piece by piece."""

    def __init__(self, archive: Archive, path: str, start: int) -> None:
        self._archive = archive
        self._path = path
        self._start = start
        self.data_offset = archive.offset
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._digest = hashlib.sha256()
        self._size = self._packed = self._crc = 0

    def write(self, content: bytes) -> None:
        self._size += len(content)
        self._crc = zlib.crc32(content, self._crc)
        self._digest.update(content)
        self._put(self._packer.compress(content))

    def close(self) -> Entry:
        self._put(self._packer.flush())
        self._archive.put(struct.pack("<4sLQQ", b"PK\x07\x08", self._crc, self._packed, self._size))
        return Entry(
            path=self._path,
            size=self._size,
            sha256=self._digest.hexdigest(),
            crc=self._crc,
            packed=self._packed,
            offset=self._start,
            data_offset=self.data_offset,
            flags=_NAMES_IN_UTF8 | _SIZES_FOLLOW,
            stamp=self._archive._stamp,
        )

    def _put(self, packed: bytes) -> None:
        self._packed += len(packed)
        self._archive.put(packed)


def _dos_time(moment: datetime) -> tuple[int, int]:
    """Time and date as MS-DOS wrote them, in UTC; it knew no year before 1980 nor after 2107."""
    at = moment.astimezone(UTC)
    year = min(max(at.year, 1980), 2107) - 1980
    return at.hour << 11 | at.minute << 5 | at.second // 2, year << 9 | at.month << 5 | at.day

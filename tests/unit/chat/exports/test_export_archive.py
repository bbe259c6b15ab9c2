"""The archive is a zip that others read, also when it was made in two sittings or is very long."""

import hashlib
import io
import os
import zipfile
from datetime import UTC, datetime

from parlor_chat.export_archive import Archive, Entry

NOON = datetime(2026, 11, 25, 12, 30, 10, tzinfo=UTC)


def ended(archive: Archive, entries: list[Entry]) -> bytes:
    """What is still to come of it: the directory and the end."""
    directory = b"".join(entry.directory_record() for entry in entries)
    archive.put(directory)
    archive.finish(len(entries), len(directory))
    return archive.take()


def test_files_that_are_whole_and_files_that_grow_are_read_by_the_standard_library() -> None:
    archive = Archive(NOON)
    whole = archive.add("a/käse.txt", b"some text" * 1000)
    growing = archive.begin("b.bin")
    pieces = [os.urandom(7000) for _ in range(5)]
    for piece in pieces:
        growing.write(piece)
    entries = [whole, growing.close()]
    entries += [archive.begin("empty").close(), archive.add("nothing", b"")]
    with zipfile.ZipFile(io.BytesIO(ended(archive, entries))) as read:
        assert read.testzip() is None
        assert read.namelist() == ["a/käse.txt", "b.bin", "empty", "nothing"]
        assert read.read("a/käse.txt") == b"some text" * 1000
        assert read.read("b.bin") == b"".join(pieces)
        assert read.getinfo("b.bin").date_time == (2026, 11, 25, 12, 30, 10)
    assert entries[1].sha256 == hashlib.sha256(b"".join(pieces)).hexdigest()
    assert entries[1].size == 35_000


def test_another_process_goes_on_where_one_was_killed() -> None:
    first = Archive(NOON)
    entries = [first.add("one", b"1")]
    kept = first.take()
    first.add("lost", b"this was never stored")
    second = Archive(NOON, offset=len(kept))
    entries.append(second.add("two", b"22"))
    with zipfile.ZipFile(io.BytesIO(kept + ended(second, entries))) as read:
        assert read.testzip() is None
        assert [read.read(name) for name in read.namelist()] == [b"1", b"22"]


def test_an_archive_past_four_gibibytes_and_of_very_many_files_is_zip64() -> None:
    """All but the end is made up: what counts is how far apart things say they are."""
    far = 5 * 2**30
    archive = Archive(NOON, offset=far)
    entry = archive.add("far", b"away")
    content = archive.take()
    tail = ended(archive, [entry])

    class Sparse(io.RawIOBase):
        """`far` zeros, and then what was made."""

        def __init__(self) -> None:
            self.place = 0
            self.real = content + tail

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def tell(self) -> int:
            return self.place

        def seek(self, offset: int, whence: int = 0) -> int:
            base = (0, self.place, far + len(self.real))[whence]
            self.place = base + offset
            return self.place

        def read(self, size: int = -1) -> bytes:
            start = self.place - far
            assert start >= 0
            found = self.real[start:] if size < 0 else self.real[start : start + size]
            self.place += len(found)
            return found

    with zipfile.ZipFile(Sparse()) as read:
        assert read.read("far") == b"away"
        assert read.getinfo("far").header_offset == far

    many = Archive(NOON)
    entries = [many.add(f"{number}", b"") for number in range(70_000)]
    with zipfile.ZipFile(io.BytesIO(ended(many, entries))) as read:
        assert len(read.namelist()) == 70_000

"""`parlor verify-export` accepts what chat hands out, and finds whatever was done to it since."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from factories.chat_archive import FRESH, converse
from factories.export_desk import ExportDesk
from parlor_chat.signing import EXPORT_MANIFEST, Signer
from parlor_verify.export import verify_export

pytestmark = pytest.mark.integration

Files = dict[str, bytes]


@pytest.fixture
async def export(desk: ExportDesk, rows: asyncpg.Connection) -> bytes:
    user = uuid4()
    for _ in range(2):
        await converse(rows, [FRESH] * 3, people=(user, uuid4()))
    return (await desk.export(custodian_id=str(user))).content


@pytest.fixture
async def keys(desk: ExportDesk, export: bytes, tmp_path: Path) -> Path:
    """The file of keys, as the admin route gives it."""
    reply = await desk.served.public.call(
        "GET", "/api/v1/admin/evidence-keys", headers=desk.admin.authorization
    )
    assert reply.status == 200
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(reply.body))
    return file


def verdict(content: bytes, keys: Path) -> int:
    file = keys.with_name("export.zip")
    file.write_bytes(content)
    return verify_export([str(file), "--keys", str(keys)])


def rewritten(content: bytes, change: Callable[[Files], None]) -> bytes:
    """The archive made anew after `change` of its files."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_what_was_handed_out_holds(
    export: bytes, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verdict(export, keys) == 0
    assert "6 messages of 2 conversations" in capsys.readouterr().out
    assert verdict(rewritten(export, lambda _: None), keys) == 0


def first(files: Files, end: str) -> str:
    return next(name for name in files if name.endswith(end))


def resign(files: Files) -> None:
    """Make manifest and signature fit again, with a key of one's own."""
    other = Signer(b"o" * 32)
    statement = json.loads(files["manifest.json"])
    statement.pop("files")
    payload = json.dumps(statement).encode()
    files["manifest.dsse.json"] = json.dumps(other.envelope(EXPORT_MANIFEST, payload)).encode()


def edit(end: str, old: bytes, new: bytes) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        name = first(files, end)
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edit("messages.jsonl", b"secret", b"public"), "messages.jsonl was changed"),
        (edit(".eml", b"X-Parlor-Seq: 1", b"X-Parlor-Seq: 2"), "was changed"),
        (edit("index.html", b"Export", b"Import"), "index.html was changed"),
        (lambda files: files.pop(first(files, ".eml")), "is missing"),
        (lambda files: files.update({"more.txt": b"slipped in"}), "is not in the manifest"),
        (lambda files: files.update({"../../up.txt": b""}), "outside of where"),
        (edit("manifest.json", b'"messages":6', b'"messages":5'), "not the one that was signed"),
        (lambda files: files.pop("manifest.dsse.json"), "manifest.dsse.json is missing"),
        (resign, "signed by no known key"),
    ],
)
def test_whatever_was_done_to_it_is_found(
    export: bytes,
    keys: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Files], None],
    words: str,
) -> None:
    assert verdict(rewritten(export, change), keys) == 1
    assert words in capsys.readouterr().out


def test_a_single_flipped_byte_is_never_missed(export: bytes, keys: Path) -> None:
    for place in range(100, len(export) - 200, len(export) // 40):
        flipped = bytearray(export)
        flipped[place] ^= 0x10
        assert verdict(bytes(flipped), keys) != 0 or _same(bytes(flipped), export)


def _same(one: bytes, other: bytes) -> bool:
    """Whether all names and contents are the same: dates in headers are nobody's evidence."""
    with (
        zipfile.ZipFile(io.BytesIO(one)) as first,
        zipfile.ZipFile(io.BytesIO(other)) as second,
    ):
        return first.namelist() == second.namelist() and all(
            first.read(name) == second.read(name) for name in first.namelist()
        )


def test_what_is_no_export_cannot_be_read(keys: Path) -> None:
    assert verdict(b"this is no zip", keys) == 2
    assert verify_export([str(keys.with_name("absent.zip")), "--keys", str(keys)]) == 2

"""`parlor verify-audit` finds what was done to an audit log, in the file or in the database."""

import json
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from factories.chat_archive import ADMIN
from parlor_chat.signing import AUDIT_HEAD, Signer
from parlor_chat.usecases import audit_trail
from parlor_chat.usecases.audit_heads import SignAuditHead
from parlor_chat.usecases.evidence_keys import EvidenceKeys
from parlor_chat.usecases.read_audit import ReadAudit
from parlor_kit.database import Database
from parlor_kit.metrics import REGISTRY
from parlor_verify.audit import verify_audit

pytestmark = pytest.mark.integration

SIGNER = Signer(b"s" * 32)

# What somebody who owns the database, and knows the format, would do to hide a change.
_REFORGE = """
DO $$
DECLARE
    r audit_records;
    previous text := repeat('0', 64);
    hash text;
    place bigint := 0;
BEGIN
    FOR r IN SELECT * FROM audit_records ORDER BY position LOOP
        place := place + 1;
        hash := encode(sha256(convert_to(audit_content(r, place, previous), 'UTF8')), 'hex');
        UPDATE audit_records SET position = place, previous_sha256 = previous, sha256 = hash
            WHERE id = r.id;
        previous := hash;
    END LOOP;
END
$$
"""


class Log:
    """An audit log with signed heads now and then, its exports, and the verifier's word on them."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.file = folder / "audit.ndjson"
        self.keys = folder / "keys.json"
        self.kept = folder / "kept.ndjson"
        self.restart()

    def restart(self) -> None:
        """As a new process, which remembers nothing."""
        self.evidence_keys = EvidenceKeys(self.database, SIGNER)
        self.sign = SignAuditHead(self.database, SIGNER, self.evidence_keys)
        self.reader = ReadAudit(self.database, SIGNER, self.sign)

    async def write(self, count: int) -> None:
        for number in range(count):
            async with self.database.transaction() as transaction:
                await audit_trail.record(
                    transaction.connection,
                    "thing.done",
                    ADMIN,
                    reason="because",
                    details={"number": number},
                )

    async def export(self) -> list[str]:
        parts = [part async for part in await self.reader.export(ADMIN, "a test")]
        self.file.write_bytes(b"".join(parts))
        jwks = {"keys": [known.key.jwk for known in await self.evidence_keys.all()]}
        self.keys.write_text(json.dumps(jwks))
        return self.file.read_text().splitlines(keepends=True)

    def verify(self, lines: list[str] | None = None) -> int:
        if lines is not None:
            self.file.write_text("".join(lines))
        kept = ["--head", str(self.kept)] if self.kept.exists() else []
        return verify_audit([str(self.file), "--keys", str(self.keys), *kept])


@pytest.fixture
async def log(database: Database, tmp_path: Path) -> Log:
    """Some ten records and three heads."""
    log = Log(database, tmp_path)
    for _ in range(3):
        await log.write(3)
        await log.sign()
    return log


async def test_an_untouched_log_holds(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    lines = await log.export()
    assert log.verify() == 0
    # One record says that the key was introduced, one that the log was exported.
    assert "11 records and 4 signed heads hold together" in capsys.readouterr().out
    assert len(lines) == 1 + 11 + 4


def _changed(lines: list[str]) -> list[str]:
    return [
        line.replace('"because"', '"no reason"') if i == 5 else line for i, line in enumerate(lines)
    ]


def _inserted(lines: list[str]) -> list[str]:
    return [*lines[:6], lines[5], *lines[6:]]


def _reordered(lines: list[str]) -> list[str]:
    return [*lines[:4], lines[5], lines[4], *lines[6:]]


def _cut(lines: list[str]) -> list[str]:
    return [line for line in lines if '"position":11' not in line]


def _cut_with_heads(lines: list[str]) -> list[str]:
    """An export as it was before: records and heads to record 7, the statement as it is."""
    return [*lines[:8], *lines[12:14]]


EDITS: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "changed": (_changed, "record 5 was changed"),
    "removed": (lambda lines: [*lines[:4], *lines[5:]], "records 4 to 4 are missing"),
    "first removed": (lambda lines: [lines[0], *lines[2:]], "records 1 to 1 are missing"),
    "reordered": (_reordered, "record 4 stands after record 5"),
    "inserted": (_inserted, "record 5 stands after record 5"),
    "cut": (_cut, "the tail was cut"),
    "cut with its heads": (_cut_with_heads, "the log went to record 11"),
    "head removed": (lambda lines: [*lines[:13], *lines[14:]], "does not follow"),
    "all heads removed": (lambda lines: lines[:12], "no signed head speaks of records 1 to 11"),
    "statement removed": (lambda lines: lines[1:], "does not say how far it goes"),
    "head among records": (lambda lines: [*lines[:6], lines[12], *lines[6:]], "in no order"),
    "nonsense": (lambda lines: [*lines, "nonsense\n"], "not a line of an export"),
}


async def test_an_edited_export_is_found(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    lines = await log.export()
    for name, (change, words) in EDITS.items():
        assert log.verify(change(lines)) == 1, name
        assert words in capsys.readouterr().out, name
    assert log.verify(lines) == 0


@pytest.mark.parametrize(
    ("tampering", "words"),
    [
        ("UPDATE audit_records SET reason = 'another' WHERE position = 5", "5 was changed"),
        ("UPDATE audit_records SET at = at - interval '1 day' WHERE position = 5", "5 was changed"),
        ("DELETE FROM audit_records WHERE position = 5", "records 5 to 5 are missing"),
        ("DELETE FROM audit_records WHERE position > 7", "the tail was cut"),
    ],
)
@pytest.mark.parametrize("hidden", [False, True])
async def test_tampering_by_the_database_s_owner_is_found(
    log: Log,
    owner: asyncpg.Connection,
    tampering: str,
    words: str,
    hidden: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await owner.execute(tampering)
    if hidden:
        await owner.execute(_REFORGE)
        words = "was rewritten" if "= 5" in tampering else words
    log.restart()
    await log.export()
    assert log.verify() == 1
    assert words in capsys.readouterr().out


async def test_no_head_is_signed_on_a_log_that_was_tampered_with(
    log: Log, owner: asyncpg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    await owner.execute("UPDATE audit_records SET reason = 'another' WHERE position = 5")
    await owner.execute(_REFORGE)
    log.restart()
    assert await log.sign() is None
    assert await owner.fetchval("SELECT count(*) FROM audit_heads") == 3


async def test_a_metric_is_an_alarm_while_the_log_contradicts_a_head(
    log: Log, owner: asyncpg.Connection
) -> None:
    alarm = "parlor_chat_audit_tampered"
    await log.write(1)
    assert await log.sign() is not None
    assert REGISTRY.get_sample_value(alarm) == 0
    await owner.execute("UPDATE audit_records SET reason = 'another' WHERE position = 5")
    await owner.execute(_REFORGE)
    assert await log.sign() is None
    assert REGISTRY.get_sample_value(alarm) == 1


async def test_a_process_finds_a_tail_that_was_cut_with_its_heads(
    log: Log, owner: asyncpg.Connection
) -> None:
    await owner.execute("DELETE FROM audit_records WHERE position > 7")
    await owner.execute("DELETE FROM audit_heads WHERE position > 7")
    assert await log.sign() is None


async def test_a_head_that_was_kept_finds_a_tail_cut_with_its_heads_behind_a_restart(
    log: Log, owner: asyncpg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    envelope = await owner.fetchval("SELECT envelope FROM audit_heads WHERE number = 3")
    log.kept.write_text('{"event": "audit.head", "envelope": ' + envelope + "}\n")
    await log.export()
    assert log.verify() == 0
    await owner.execute("DELETE FROM audit_records WHERE position > 7")
    await owner.execute("DELETE FROM audit_heads WHERE position > 7")
    log.restart()
    await log.write(9)
    await log.export()
    assert log.verify() == 1
    assert "the kept head 3" in capsys.readouterr().out


async def test_a_log_that_another_key_signed_is_not_believed(
    log: Log, owner: asyncpg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = await log.export()
    stranger = Signer(b"t" * 32)
    payload = b'{"at":"now","number":4,"position":11}'
    forged = json.dumps({"head": stranger.envelope(AUDIT_HEAD, payload)}) + "\n"
    assert log.verify([*lines[:-1], forged]) == 1
    assert "signed by no known key" in capsys.readouterr().out


async def test_a_head_is_signed_when_there_is_something_new_and_once(log: Log) -> None:
    first = await log.sign()
    assert first is not None
    assert first.number == 3
    assert await log.sign() == first
    await log.write(1)
    second = await log.sign()
    assert second is not None
    assert (second.number, second.position) == (4, first.position + 1)


def test_what_cannot_be_read_is_no_verdict(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text("[]")
    assert verify_audit([str(tmp_path / "none"), "--keys", str(keys)]) == 2

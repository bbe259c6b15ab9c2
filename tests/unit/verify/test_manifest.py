"""`parlor verify-manifest` finds whatever was done to a chain of statements or to a manifest."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from parlor_chat.signing import EXPIRY_MANIFEST, Signer, canonical
from parlor_verify.manifest import verify_manifest

SIGNER = Signer(b"s" * 32)
LINE = '{"action":"expired","conversation_id":"c","message_id":"m","sent_at":"t","seq":1}\n'


@dataclass
class Files:
    """A chain of three runs, their manifests, the keys, and the audit log's records of them."""

    folder: Path
    envelopes: list[dict[str, Any]]

    @property
    def arguments(self) -> list[str]:
        chain = self.folder / "chain.ndjson"
        chain.write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in self.envelopes))
        keys, audit = self.folder / "keys.json", self.folder / "audit.ndjson"
        manifests = [str(self.folder / f"run-{number}.ndjson") for number in (1, 2, 3)]
        return [str(chain), *manifests, "--keys", str(keys), "--audit", str(audit)]

    def state(self, **changed: Any) -> None:
        """Add a statement to the chain, signed by `signer`."""
        signer = changed.pop("signer", SIGNER)
        self.envelopes.append(signer.envelope(EXPIRY_MANIFEST, canonical(changed)))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = Files(tmp_path, [])
    previous, records = "0" * 64, []
    for number in (1, 2, 3):
        content = (LINE * number).encode()
        (tmp_path / f"run-{number}.ndjson").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        statement = {
            "archived": 0,
            "expired": number,
            "held": 0,
            "manifest_sha256": digest,
            "number": number,
            "previous_sha256": previous,
            "run_id": f"run {number}",
        }
        files.state(**statement)
        previous = hashlib.sha256(canonical(statement)).hexdigest()
        details = {"dry_run": False, "manifest_sha256": digest}
        records.append(
            {"action": "archive_expiry.finished", "run_id": f"run {number}", "details": details}
        )
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [SIGNER.public_key.jwk]}))
    (tmp_path / "audit.ndjson").write_text(
        "".join(json.dumps({"record": record}) + "\n" for record in records)
    )
    return files


def test_an_untouched_chain_with_its_manifests_holds(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify_manifest(files.arguments) == 0
    assert "3 signed statements in an unbroken chain, 3 manifests" in capsys.readouterr().out


def test_a_line_that_tells_of_many_messages_counts_for_as_many(files: Files) -> None:
    held = b'{"action":"held","conversation_id":"c","holds":["h"],"messages":7}\n'
    (files.folder / "run-3.ndjson").write_bytes(held)
    statement = json.loads(_payload(files.envelopes.pop()))
    statement |= {"expired": 0, "manifest_sha256": hashlib.sha256(held).hexdigest()}
    files.state(**{**statement, "held": 7})
    audit = files.folder / "audit.ndjson"
    audit.write_text("".join(audit.read_text().splitlines(keepends=True)[:2]))
    assert verify_manifest(files.arguments) == 0


def drop_one(files: Files) -> None:
    del files.envelopes[1]


def cut_the_end(files: Files) -> None:
    del files.envelopes[2]


def swap_two(files: Files) -> None:
    files.envelopes[0], files.envelopes[1] = files.envelopes[1], files.envelopes[0]


def sign_with_a_stranger(files: Files) -> None:
    statement = json.loads(_payload(files.envelopes.pop()))
    files.state(**statement, signer=Signer(b"x" * 32))


def count_otherwise(files: Files) -> None:
    statement = json.loads(_payload(files.envelopes.pop()))
    files.state(**{**statement, "expired": 2})


def change_a_manifest(files: Files) -> None:
    (files.folder / "run-2.ndjson").write_text(LINE.replace("1", "2"))


def replace_the_last(files: Files) -> None:
    statement = json.loads(_payload(files.envelopes.pop()))
    files.state(**{**statement, "manifest_sha256": hashlib.sha256(b"").hexdigest(), "expired": 0})
    (files.folder / "run-3.ndjson").write_text("")


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (drop_one, "statement 3 stands where 2 should be"),
        (cut_the_end, "the chain says nothing of run run 3: it was cut"),
        (swap_two, "statement 2 stands where 1 should be"),
        (sign_with_a_stranger, "signed by no known key"),
        (count_otherwise, "counts otherwise than statement 3"),
        (change_a_manifest, "run-2.ndjson is the manifest of no run"),
        (replace_the_last, "run run 3 had another manifest when it ended"),
    ],
)
def test_whatever_was_done_is_said(
    files: Files,
    capsys: pytest.CaptureFixture[str],
    tamper: Callable[[Files], None],
    said: str,
) -> None:
    tamper(files)
    assert verify_manifest(files.arguments) == 1
    assert said in capsys.readouterr().out


def test_what_is_no_chain_cannot_be_read(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    manifests = files.arguments[1:]
    assert verify_manifest(manifests) == 2
    assert "exactly one chain" in capsys.readouterr().err


def _payload(envelope: dict[str, Any]) -> bytes:
    return base64.b64decode(envelope["payload"])

"""Any change to an exported audit log is found, whichever line it hits and whatever it does."""

import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import example, given, settings
from hypothesis import strategies as st
from parlor_chat.signing import AUDIT_EXPORT, AUDIT_HEAD, Signer, canonical
from parlor_verify.audit import AuditCheck
from parlor_verify.envelopes import Keys

SIGNER = Signer(b"s" * 32)
RECORDS, HEADS_AT = 9, (3, 3, 7, 9)
AT = "2026-11-24T00:00:00.000000Z"


def line(value: dict[str, Any]) -> str:
    return json.dumps(value) + "\n"


def exported() -> list[str]:
    """A log of nine records with four heads, as chat exports it."""
    previous, hashes = "0" * 64, ["0" * 64]
    records, heads = [], []
    for position in range(1, RECORDS + 1):
        record = {
            "action": "hold.placed",
            "details": {"n": position, "text": 'Zoë \u2028 said\t"no"'},
            "position": position,
            "previous_sha256": previous,
        }
        previous = hashlib.sha256(canonical(record)).hexdigest()
        hashes.append(previous)
        records.append(line({"record": record, "sha256": previous}))
    previous = "0" * 64
    for number, position in enumerate(HEADS_AT, 1):
        payload = canonical(
            {
                "at": AT,
                "number": number,
                "position": position,
                "previous_head_sha256": previous,
                "sha256": hashes[position],
            }
        )
        previous = hashlib.sha256(payload).hexdigest()
        heads.append(line({"head": SIGNER.envelope(AUDIT_HEAD, payload)}))
    extent = {"at": AT, "heads": len(heads), "position": RECORDS, "sha256": hashes[-1]}
    statement = SIGNER.envelope(AUDIT_EXPORT, canonical(extent))
    return [line({"export": statement}), *records, *heads]


LINES = exported()


KEYS: Keys = {
    SIGNER.kid: Ed25519PublicKey.from_public_bytes(SIGNER.public_key.raw),
}


def findings(lines: list[str]) -> list[str]:
    check = AuditCheck(KEYS)
    check.read(iter(lines))
    return check.findings


places = st.integers(0, len(LINES) - 1)


def test_an_untouched_log_holds() -> None:
    assert findings(LINES) == []


@given(st.permutations(range(len(LINES))))
def test_lines_in_another_order_are_found(order: list[int]) -> None:
    if order != sorted(order):
        assert findings([LINES[place] for place in order])


@given(st.sets(places, min_size=1))
def test_lines_that_are_missing_are_found(gone: set[int]) -> None:
    assert findings([text for place, text in enumerate(LINES) if place not in gone])


@given(places, places)
def test_a_line_that_stands_twice_is_found(source: int, target: int) -> None:
    assert findings([*LINES[:target], LINES[source], *LINES[target:]])


def test_a_member_that_stands_twice_is_found() -> None:
    twice = LINES[4].replace('"position"', '"position": 1, "position"', 1)
    assert json.loads(twice) == json.loads(LINES[4])
    assert findings([*LINES[:4], twice, *LINES[5:]])


@settings(max_examples=300)
@given(places, st.integers(0, 2**16), st.characters(codec="utf-8"))
@example(0, 0, "[")
def test_a_character_that_was_changed_is_found(place: int, at: int, character: str) -> None:
    text = LINES[place].rstrip("\n")
    at %= len(text)
    changed = text[:at] + character + text[at + 1 :]
    try:
        same = json.loads(changed) == json.loads(text)
    except ValueError:
        same = False
    if not same:
        assert findings([*LINES[:place], changed + "\n", *LINES[place + 1 :]])

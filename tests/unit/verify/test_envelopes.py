"""A verifier opens what chat has signed, and nothing that was changed or signed by another."""

import base64
import json
from pathlib import Path

import pytest
from parlor_chat.signing import AUDIT_HEAD, EXPIRY_MANIFEST, Signer, canonical
from parlor_verify.envelopes import Keys, Untrusted, open_envelope, read_keys

SIGNER = Signer(b"s" * 32)
PAYLOAD = canonical({"position": 3, "at": "2026-11-24T00:00:00.000000Z"})


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [SIGNER.public_key.jwk]}))
    return read_keys(file)


def test_what_was_signed_is_opened(keys: Keys) -> None:
    assert open_envelope(SIGNER.envelope(AUDIT_HEAD, PAYLOAD), AUDIT_HEAD, keys) == PAYLOAD


def test_a_changed_payload_is_refused(keys: Keys) -> None:
    envelope = SIGNER.envelope(AUDIT_HEAD, PAYLOAD)
    envelope["payload"] = base64.b64encode(PAYLOAD.replace(b"3", b"2")).decode()
    with pytest.raises(Untrusted, match="does not fit"):
        open_envelope(envelope, AUDIT_HEAD, keys)


def test_a_statement_does_not_pass_for_one_of_another_type(keys: Keys) -> None:
    envelope = SIGNER.envelope(EXPIRY_MANIFEST, PAYLOAD)
    with pytest.raises(Untrusted, match="of type"):
        open_envelope(envelope, AUDIT_HEAD, keys)
    with pytest.raises(Untrusted, match="does not fit"):
        open_envelope(envelope | {"payloadType": AUDIT_HEAD}, AUDIT_HEAD, keys)


def test_a_statement_of_an_unknown_key_is_refused(keys: Keys) -> None:
    stranger = Signer(b"t" * 32)
    with pytest.raises(Untrusted, match=f"no known key, but by {stranger.kid}"):
        open_envelope(stranger.envelope(AUDIT_HEAD, PAYLOAD), AUDIT_HEAD, keys)
    posing = stranger.envelope(AUDIT_HEAD, PAYLOAD)
    posing["signatures"][0]["keyid"] = SIGNER.kid
    with pytest.raises(Untrusted, match="does not fit"):
        open_envelope(posing, AUDIT_HEAD, keys)


@pytest.mark.parametrize("broken", [None, [], {}, {"payloadType": AUDIT_HEAD, "payload": "?"}])
def test_what_is_no_statement_is_refused(broken: object, keys: Keys) -> None:
    with pytest.raises(Untrusted, match="not a signed statement"):
        open_envelope(broken, AUDIT_HEAD, keys)

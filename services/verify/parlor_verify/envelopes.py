"""Opens signed statements: DSSE envelopes with an Ed25519 signature, as evidence is signed.

Used by the checks of manifests and audit logs. The keys come from a file that
`GET /api/v1/admin/evidence-keys` gave (a JWK set, RFC 8037), never from the statement itself.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Keys = Mapping[str, Ed25519PublicKey]


class Untrusted(Exception):
    """The statement is not signed by a known key, or not as it stands."""


def read_keys(path: Path) -> Keys:
    """The keys in a JWK set, by id.

    Raises:
        OSError, ValueError: the file cannot be read, or is none.
    """
    document = json.loads(path.read_text())
    try:
        return {
            jwk["kid"]: Ed25519PublicKey.from_public_bytes(_base64url(jwk["x"]))
            for jwk in document["keys"]
            if (jwk["kty"], jwk["crv"]) == ("OKP", "Ed25519")
        }
    except (KeyError, TypeError) as wrong:
        raise ValueError(f"{path} is not a JWK set") from wrong


def open_envelope(envelope: Any, payload_type: str, keys: Keys) -> bytes:
    """The payload that was signed.

    Raises:
        Untrusted: it is not of that type, not signed by one of `keys`, or was changed since.
    """
    try:
        if envelope["payloadType"] != payload_type:
            raise Untrusted(f"a statement of type {envelope['payloadType']!r}")
        payload = _base64(envelope["payload"])
        signatures = [(each["keyid"], each["sig"]) for each in envelope["signatures"]]
    except (KeyError, TypeError, ValueError) as wrong:
        raise Untrusted("not a signed statement") from wrong
    message = _pre_authentication_encoding(payload_type, payload)
    unknown = []
    for kid, signature in signatures:
        key = keys.get(kid)
        if key is None:
            unknown.append(str(kid))
            continue
        try:
            key.verify(_base64(signature), message)
        except (InvalidSignature, TypeError, ValueError) as wrong:
            raise Untrusted(f"the signature of key {kid} does not fit") from wrong
        return payload
    raise Untrusted(f"signed by no known key, but by {', '.join(unknown) or 'nobody'}")


def _pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _base64(text: str) -> bytes:
    """The bytes of which `text` is the one proper encoding."""
    content = base64.b64decode(text, validate=True)
    if base64.b64encode(content).decode() != text:
        raise ValueError("not in canonical form")
    return content


def _base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

"""Signs evidence, so that whoever holds it can show that it came from here and is whole.

Used for the heads of the audit log and for the manifests of archive expiry. A signed statement is
a DSSE envelope (Dead Simple Signing Envelope 1.0, one Ed25519 signature): the payload lies in it as
the very bytes that were signed, and its type is signed too, so that no statement passes for
another. `parlor_verify` reads the same envelopes without this code. The key comes from
CHAT_SIGNING_KEY and never leaves the process; what must be published is the public key alone.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

AUDIT_HEAD = "application/vnd.parlor.audit-head+json"
AUDIT_EXPORT = "application/vnd.parlor.audit-export+json"
EXPIRY_MANIFEST = "application/vnd.parlor.expiry-manifest+json"
EXPORT_MANIFEST = "application/vnd.parlor.export-manifest+json"

_SEED_BYTES = 32


def canonical(value: Mapping[str, Any]) -> bytes:
    """`value` in canonical JSON (RFC 8785), as long as it has no fractions: sorted, no spaces."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that has signed evidence; its id follows from its bytes."""

    raw: bytes

    @property
    def kid(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()[:32]

    @property
    def jwk(self) -> dict[str, str]:
        """The key as RFC 8037 writes it."""
        x = base64.urlsafe_b64encode(self.raw).rstrip(b"=").decode()
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": self.kid,
            "x": x,
        }


class Signer:
    """Holds the private key of a process."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != _SEED_BYTES:
            raise ValueError(f"must hold exactly {_SEED_BYTES} bytes")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = PublicKey(self._key.public_key().public_bytes_raw())

    @property
    def kid(self) -> str:
        return self.public_key.kid

    def envelope(self, payload_type: str, payload: bytes) -> dict[str, Any]:
        """`payload` with its signature, as a DSSE envelope."""
        signature = self._key.sign(pre_authentication_encoding(payload_type, payload))
        return {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"keyid": self.kid, "sig": base64.b64encode(signature).decode()}],
        }


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What DSSE signs: type and payload, each with its length before it."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)

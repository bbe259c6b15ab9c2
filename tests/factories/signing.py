"""Signing keys and tokens for tests: what an issuer has, and what an attacker would make."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

ISSUER = "https://issuer.test"
NAMESPACE = "parlor"


@dataclass(frozen=True)
class SigningKey:
    """One key pair of an issuer."""

    kid: str
    algorithm: str = "ES256"
    private: PrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def jwk(self) -> dict[str, Any]:
        public = self.private.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            body: dict[str, Any] = dict(ECAlgorithm.to_jwk(public, as_dict=True))
        elif isinstance(public, rsa.RSAPublicKey):
            body = dict(RSAAlgorithm.to_jwk(public, as_dict=True))
        else:
            body = dict(OKPAlgorithm.to_jwk(public, as_dict=True))
        body.pop("key_ops", None)
        return body | {"kid": self.kid, "use": "sig", "alg": self.algorithm}

    @property
    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, claims: dict[str, Any], **headers: Any) -> str:
        # Below the claims layer, which would refuse to sign what a hostile issuer would.
        return jwt.api_jws.encode(
            json.dumps(claims).encode(),
            self.private,
            algorithm=self.algorithm,
            headers={"kid": self.kid} | headers,
        )


def ed25519_key(kid: str) -> SigningKey:
    return SigningKey(kid, "EdDSA", ed25519.Ed25519PrivateKey.generate())


def rsa_key(kid: str, bits: int = 2048) -> SigningKey:
    return SigningKey(kid, "RS256", rsa.generate_private_key(65537, bits))


def key_set(*keys: SigningKey) -> bytes:
    """The JWKS document of these keys."""
    return json.dumps({"keys": [key.jwk for key in keys]}).encode()


# Longer than a whole run of the tests, since some make their tokens when they are collected.
_LIFETIME = 2 * 3600


def service_claims(caller: str, callee: str, **changes: Any) -> dict[str, Any]:
    """The claims of a projected service account token; a change of None leaves the claim out."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": [f"{callee}.internal"],
        "sub": f"system:serviceaccount:{NAMESPACE}:{caller}",
        "iat": now,
        "nbf": now,
        "exp": now + _LIFETIME,
        "jti": f"jti-{caller}",
        "kubernetes.io": {
            "namespace": NAMESPACE,
            "serviceaccount": {"name": caller, "uid": "0"},
            "pod": {"name": f"{caller}-0", "uid": "0"},
        },
    } | changes
    return {name: value for name, value in claims.items() if value is not None}


def segment(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(claims: dict[str, Any], kid: str, algorithm: str = "none") -> str:
    """A token that claims to need no signature."""
    return f"{segment({'alg': algorithm, 'typ': 'JWT', 'kid': kid})}.{segment(claims)}."


def signed_with_public_key(claims: dict[str, Any], key: SigningKey) -> str:
    """A token whose HMAC secret is the issuer's public key, as anyone may compute it."""
    body = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': key.kid})}.{segment(claims)}"
    digest = hmac.new(key.public_pem, body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"

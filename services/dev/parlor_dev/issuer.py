"""Issues the credentials by which services know each other, as Kubernetes does with its own.

Run inside the supervisor by `stack`. It serves the same two documents as a cluster's issuer, and
keeps one file for each caller and callee fresh, as the kubelet does with projected tokens: the
same claims, ten minutes of life, renewed at 80 % of it. Sidecars verify these credentials exactly
as they do in a cluster; there is no switch that turns verification off.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from parlor_dev.ports import HOST

NAMESPACE = "parlor"
LIFETIME_SECONDS = 600.0
_RENEW_AT = 0.8

# Who calls whom. A sidecar decides by its own policy; nobody gets a credential without need.
CALLEES: Mapping[str, tuple[str, ...]] = {
    "identity": (),
    "customer": ("identity",),
    "game": ("customer",),
    "chat": ("customer",),
    "operator": ("identity", "chat"),
    "archive-expiry": ("chat",),
}


def new_key() -> str:
    """A signing key as PEM."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


class Issuer:
    def __init__(
        self, pem: str, port: int, folder: Path, *, lifetime: float = LIFETIME_SECONDS
    ) -> None:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("the issuer's key is not an elliptic curve key")
        self._key = key
        self._public = _public_jwk(key)
        self._port = port
        self._folder = folder
        self._lifetime = lifetime
        self._renewal: asyncio.Task[None] | None = None
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The `iss` of its credentials."""
        return f"http://{HOST}:{self._port}"

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/openid/v1/jwks"

    async def start(self) -> None:
        """Write every credential, serve the documents, and keep the files fresh."""
        self.write_all()
        app = web.Application()
        app.router.add_get("/openid/v1/jwks", self._serve_keys)
        app.router.add_get("/.well-known/openid-configuration", self._serve_configuration)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port, reuse_address=True).start()
        self._renewal = asyncio.create_task(self._renew(), name="issuer renewal")

    async def stop(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewal
        if self._runner is not None:
            await self._runner.cleanup()

    def credential(self, caller: str, callee: str) -> str:
        """A credential of `caller` for `callee`, whether or not the platform uses that pair."""
        now = int(time.time())
        pod = f"{caller}-dev"
        claims = {
            "iss": self.url,
            "aud": [f"{callee}.internal"],
            "sub": f"system:serviceaccount:{NAMESPACE}:{caller}",
            "iat": now,
            "nbf": now,
            "exp": now + int(self._lifetime),
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {
                "namespace": NAMESPACE,
                "serviceaccount": {"name": caller, "uid": _uid(caller)},
                "pod": {"name": pod, "uid": _uid(pod)},
            },
        }
        headers = {"kid": self._public["kid"]}
        return jwt.encode(claims, self._key, algorithm="ES256", headers=headers)

    def folder_of(self, caller: str) -> Path:
        """What `caller` gets as PARLOR_CREDENTIALS_DIR: one file for each callee."""
        return self._folder / caller

    def write_all(self) -> None:
        for caller, callees in CALLEES.items():
            self.folder_of(caller).mkdir(mode=0o700, parents=True, exist_ok=True)
            for callee in callees:
                _replace(self.folder_of(caller) / callee, self.credential(caller, callee))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lifetime * _RENEW_AT)
            self.write_all()

    async def _serve_keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [self._public]})

    async def _serve_configuration(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "jwks_uri": self.jwks_url,
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            }
        )


def _public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """The public half; its `kid` is the RFC 7638 thumbprint, so it follows from the key."""
    jwk: dict[str, str] = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    thumbprint = urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
    return {**members, "kid": thumbprint, "alg": "ES256", "use": "sig"}


def _uid(name: str) -> str:
    """The same for the same name: audit lines of one machine stay comparable."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{NAMESPACE}.parlor.dev"))


def _replace(path: Path, content: str) -> None:
    """Atomically: a reader finds the old credential or the new one, never half of one."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.touch(mode=0o600)
    fresh.write_text(content)
    os.replace(fresh, path)

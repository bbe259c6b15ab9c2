"""The composition root: settings in, a running sidecar out. Called by `__main__` and by tests."""

from __future__ import annotations

import asyncio

from parlor_kit.fetching import Fetcher
from parlor_kit.jwks import KeySet
from parlor_kit.tokens import Verifier

from parlor_sidecar import policy
from parlor_sidecar.audit import Audit, Write, to_stdout
from parlor_sidecar.decision import Gate
from parlor_sidecar.health import Health
from parlor_sidecar.review import CredentialVerifier, Reviewed
from parlor_sidecar.server import Sidecar
from parlor_sidecar.settings import Settings

# What Kubernetes signs service account tokens with, and nothing else.
ALGORITHMS = ("ES256", "RS256")


def build(settings: Settings, write: Write = to_stdout) -> tuple[Sidecar, Health]:
    """Put a sidecar together, inside a running loop; raises `PolicyInvalid`."""
    rules = policy.load(settings.policy, settings.namespace)
    keys = KeySet(
        settings.jwks_url,
        ca_file=settings.jwks_ca_file,
        token_file=settings.jwks_token_file,
        refresh_seconds=settings.jwks_refresh_seconds,
        min_refetch_seconds=settings.jwks_refetch_seconds,
        max_age_seconds=settings.jwks_max_age_seconds,
    )
    verifier: CredentialVerifier = Verifier(
        keys,
        issuer=settings.issuer,
        audience=rules.audience,
        algorithms=ALGORITHMS,
        leeway=settings.leeway_seconds,
        cache_size=settings.cache_size,
    )
    if settings.review_url:
        fetcher = Fetcher(
            settings.review_url,
            ca_file=settings.jwks_ca_file,
            token_file=settings.jwks_token_file,
        )
        verifier = Reviewed(
            verifier,
            fetcher,
            audience=rules.audience,
            remember_seconds=settings.review_seconds,
            cache_size=settings.cache_size,
        )
    audit = Audit(settings.pod, asyncio.get_running_loop().call_soon, write)
    sidecar = Sidecar(settings, Gate(rules, verifier), keys, audit)
    return sidecar, Health(sidecar)

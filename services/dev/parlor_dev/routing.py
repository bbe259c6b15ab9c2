"""Which path belongs to which service: the one public table of the dev stack's origin.

Called by `gateway`, and by `client` where there is no origin. The charts carry the same table for
the ingress. What is not listed is
answered 404 here: internal routes, health and metrics have no way in.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

SERVICES = ("identity", "customer", "game", "chat")

_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "identity": (
        "/api/v1/admin/distributors",
        "/api/v1/admin/moderators",
        "/api/v1/admin/users",
        "/api/v1/auth",
        "/api/v1/users",
    ),
    "customer": (
        "/api/v1/invites",
        "/api/v1/customers",
        "/api/v1/relationships",
        "/api/v1/entitlements",
    ),
    "game": ("/api/v1/games", "/api/v1/leaderboards"),
    "chat": (
        "/api/v1/conversations",
        "/api/v1/messages",
        "/api/v1/notices",
        "/api/v1/admin/moderation",
        "/api/v1/admin/cases",
        "/api/v1/admin/archive-expiry",
        "/api/v1/admin/retention-policies",
        "/api/v1/admin/audit",
        "/api/v1/admin/evidence-keys",
        "/api/v1/admin/legal-holds",
        "/api/v1/admin/exports",
        "/api/v1/admin/erasures",
    ),
}
_EXACT: Mapping[str, tuple[str, ...]] = {"identity": ("/.well-known/jwks.json",)}


def owner(path: str) -> str:
    """The service that has `path`, its query aside.

    Raises:
        KeyError: nobody has it.
    """
    bare = path.partition("?")[0]
    for service in SERVICES:
        if any(fnmatchcase(bare, pattern) for pattern in patterns(service)):
            return service
    raise KeyError(path)


def patterns(service: str) -> list[str]:
    """The paths of `service`, as Caddy matches them: exactly, or with all below it."""
    found = [
        *_EXACT.get(service, ()),
        f"/api/v1/{service}/openapi.json",
        f"/api/v1/{service}/docs",
    ]
    for prefix in _PREFIXES[service]:
        found += [prefix, f"{prefix}/*"]
    return found

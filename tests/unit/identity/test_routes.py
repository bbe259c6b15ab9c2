"""Identity's route tables, literally, and that the sidecar's policy is the same table."""

from parlor_identity.policies import MANAGES_DISTRIBUTORS, READS_ACCOUNTS
from parlor_identity.routes import INTERNAL, PUBLIC
from parlor_kit.errors import Forbidden, Unauthenticated
from parlor_kit.principal import ServiceCaller
from parlor_kit.process import sidecar_policy
from parlor_kit.routing import Routes
from parlor_sidecar import policy


def table(routes: Routes) -> set[tuple[str, str, str, bool]]:
    return {(row.method, row.path, row.policy.name, row.creates) for row in routes.http}


def test_the_public_table() -> None:
    assert table(PUBLIC) == {
        ("POST", "/api/v1/auth/register", "anyone", True),
        ("POST", "/api/v1/auth/login", "anyone", False),
        ("POST", "/api/v1/auth/refresh", "anyone", False),
        ("POST", "/api/v1/auth/logout", "anyone", False),
        ("GET", "/api/v1/users/me", "signed in", False),
        ("DELETE", "/api/v1/users/me", "signed in", False),
        ("POST", "/api/v1/users/me/password", "signed in", False),
        ("GET", "/api/v1/users/me/sessions", "signed in", False),
        ("DELETE", "/api/v1/users/me/sessions/{session_id}", "signed in", False),
        ("POST", "/api/v1/admin/distributors", "admin", True),
        ("POST", "/api/v1/admin/moderators", "admin", True),
        ("GET", "/api/v1/admin/users", "admin", False),
        ("POST", "/api/v1/admin/users/{user_id}/disable", "admin", False),
        ("POST", "/api/v1/admin/users/{user_id}/enable", "admin", False),
        ("GET", "/.well-known/jwks.json", "anyone", False),
    }


def test_the_internal_table_is_the_sidecars_policy() -> None:
    rules = policy.load(sidecar_policy("identity"), "parlor").rules
    told = {(rule.method, rule.path, frozenset(rule.callers)) for rule in rules}
    served = {
        (row.method, row.path, frozenset(row.policy.name.split(" or "))) for row in INTERNAL.http
    }
    assert served == told


def test_no_internal_path_is_public() -> None:
    assert not any(row.path.startswith("/internal") for row in PUBLIC.http)
    assert all(row.path.startswith("/internal/v1/") for row in INTERNAL.http)


def test_internal_policies_name_their_callers() -> None:
    chat = ServiceCaller("system:serviceaccount:parlor:chat")
    operator = ServiceCaller("system:serviceaccount:parlor:operator")
    assert isinstance(MANAGES_DISTRIBUTORS.allows(None, None), Unauthenticated)
    assert isinstance(MANAGES_DISTRIBUTORS.allows(None, chat), Forbidden)
    assert MANAGES_DISTRIBUTORS.allows(None, operator) is None
    customer = ServiceCaller("system:serviceaccount:parlor:customer")
    assert READS_ACCOUNTS.allows(None, customer) is None
    for other in (chat, operator):
        assert isinstance(READS_ACCOUNTS.allows(None, other), Forbidden)

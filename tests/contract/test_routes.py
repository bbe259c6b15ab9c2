"""The public contract, asserted literally: each endpoint once, at its service, with its policy."""

from importlib import import_module

import pytest
from parlor_kit.process import sidecar_policy
from parlor_kit.routing import Routes

SERVICES = ("identity", "customer", "game", "chat")

# Service, method, path, policy. Additions to this table are welcome; changes are not.
CONTRACT = [
    ("identity", "POST", "/api/v1/admin/distributors", "admin"),
    ("identity", "POST", "/api/v1/admin/moderators", "admin"),
    ("identity", "POST", "/api/v1/auth/register", "anyone"),
    ("identity", "POST", "/api/v1/auth/login", "anyone"),
    ("identity", "POST", "/api/v1/auth/refresh", "anyone"),
    ("identity", "POST", "/api/v1/auth/logout", "anyone"),
    ("identity", "GET", "/api/v1/users/me", "signed in"),
    ("identity", "DELETE", "/api/v1/users/me", "signed in"),
    ("identity", "GET", "/.well-known/jwks.json", "anyone"),
    ("customer", "POST", "/api/v1/invites", "distributor"),
    ("customer", "POST", "/api/v1/invites/{token}/redeem", "customer"),
    ("customer", "GET", "/api/v1/relationships/{customer_id}", "signed in"),
    ("customer", "DELETE", "/api/v1/relationships/{customer_id}", "signed in"),
    (
        "customer",
        "GET",
        "/api/v1/entitlements/chat/{first_user_id}/{second_user_id}",
        "signed in",
    ),
    ("game", "POST", "/api/v1/games/invites", "signed in"),
    ("game", "POST", "/api/v1/games/invites/{invite_id}/accept", "signed in"),
    ("game", "POST", "/api/v1/games/invites/{invite_id}/decline", "signed in"),
    ("game", "GET", "/api/v1/games/{game_id}", "signed in"),
    ("game", "POST", "/api/v1/games/{game_id}/play", "signed in"),
    ("game", "GET", "/api/v1/games/{game_id}/reconnect-token", "signed in"),
    ("game", "GET", "/api/v1/games/{game_id}/scoreboard", "signed in"),
    ("game", "GET", "/api/v1/games", "signed in"),
    ("game", "POST", "/api/v1/games/{game_id}/spectator-token", "signed in"),
    ("game", "GET", "/api/v1/games/{game_id}/watch", "spectator by token"),
    ("game", "GET", "/api/v1/games/{game_id}/watch-ticket", "spectator by token"),
    ("game", "GET", "/api/v1/leaderboards/{game}", "signed in"),
    ("chat", "POST", "/api/v1/conversations", "signed in"),
    ("chat", "GET", "/api/v1/conversations/{conversation_id}/messages", "signed in"),
    ("chat", "POST", "/api/v1/conversations/{conversation_id}/messages", "signed in"),
    ("chat", "POST", "/api/v1/conversations/{conversation_id}/ws-ticket", "signed in"),
    ("chat", "POST", "/api/v1/messages/{message_id}/delivered", "signed in"),
    ("chat", "POST", "/api/v1/messages/{message_id}/read", "signed in"),
    ("chat", "PATCH", "/api/v1/messages/{message_id}", "signed in"),
    ("chat", "DELETE", "/api/v1/messages/{message_id}", "signed in"),
    ("chat", "POST", "/api/v1/messages/{message_id}/report", "signed in"),
    ("chat", "GET", "/api/v1/notices", "signed in"),
    ("chat", "POST", "/api/v1/notices/{notice_id}/read", "signed in"),
    ("chat", "GET", "/api/v1/admin/cases", "moderator or admin"),
    ("chat", "GET", "/api/v1/admin/cases/{case_id}", "moderator or admin"),
    ("chat", "POST", "/api/v1/admin/cases/{case_id}/assign", "moderator or admin"),
    ("chat", "POST", "/api/v1/admin/cases/{case_id}/notes", "moderator or admin"),
    ("chat", "POST", "/api/v1/admin/cases/{case_id}/close", "moderator or admin"),
    ("chat", "GET", "/api/v1/admin/moderation/search", "moderator or admin"),
    (
        "chat",
        "GET",
        "/api/v1/admin/moderation/conversations/{conversation_id}",
        "moderator or admin",
    ),
    (
        "chat",
        "POST",
        "/api/v1/admin/moderation/conversations/{conversation_id}/legal-hold",
        "moderator or admin",
    ),
    (
        "chat",
        "DELETE",
        "/api/v1/admin/moderation/conversations/{conversation_id}/legal-hold",
        "moderator or admin",
    ),
    ("chat", "POST", "/api/v1/admin/archive-expiry/run", "admin"),
    ("chat", "POST", "/api/v1/admin/exports", "moderator or admin"),
    ("chat", "GET", "/api/v1/admin/exports", "moderator or admin"),
    ("chat", "GET", "/api/v1/admin/exports/{export_id}", "moderator or admin"),
    ("chat", "GET", "/api/v1/admin/exports/{export_id}/download", "moderator or admin"),
    ("chat", "GET", "/api/v1/admin/erasures/{account_id}", "admin"),
]

SOCKETS = [
    ("game", "/api/v1/games/{game_id}/ws"),
    ("game", "/api/v1/games/{game_id}/watch/ws"),
    ("chat", "/api/v1/conversations/{conversation_id}/ws"),
]

INTERNAL = [
    ("identity", "PUT", "/internal/v1/distributors/{resource_uid}", {"operator"}),
    ("identity", "GET", "/internal/v1/distributors/{resource_uid}", {"operator"}),
    ("identity", "DELETE", "/internal/v1/distributors/{resource_uid}", {"operator"}),
    ("identity", "GET", "/internal/v1/users/{user_id}", {"customer"}),
    ("identity", "POST", "/internal/v1/users/batch", {"customer"}),
    (
        "customer",
        "GET",
        "/internal/v1/entitlements/chat/{first_user_id}/{second_user_id}",
        {"chat", "game"},
    ),
    ("customer", "POST", "/internal/v1/entitlements/chat/batch", {"chat", "game"}),
    ("chat", "PUT", "/internal/v1/legal-holds/{resource_uid}", {"operator"}),
    ("chat", "GET", "/internal/v1/legal-holds/{resource_uid}", {"operator"}),
    ("chat", "DELETE", "/internal/v1/legal-holds/{resource_uid}", {"operator"}),
    ("chat", "POST", "/internal/v1/archive-expiry/run", {"archive-expiry"}),
]


def _routes(service: str, listener: str) -> Routes:
    routes = getattr(import_module(f"parlor_{service}.routes"), listener)
    assert isinstance(routes, Routes)
    return routes


@pytest.mark.parametrize(("service", "method", "path", "policy"), CONTRACT)
def test_the_contract_row_exists_once_with_its_policy(
    service: str, method: str, path: str, policy: str
) -> None:
    found = [
        (name, route.policy.name)
        for name in SERVICES
        for route in _routes(name, "PUBLIC").http
        if (route.method, route.path) == (method, path)
    ]
    assert found == [(service, policy)]


@pytest.mark.parametrize(("service", "path"), SOCKETS)
def test_the_socket_exists_once(service: str, path: str) -> None:
    found = [
        name
        for name in SERVICES
        for socket in _routes(name, "PUBLIC").sockets
        if socket.path == path
    ]
    assert found == [service]


def test_the_internal_routes_are_exactly_those_of_the_sidecars_policies() -> None:
    for service in SERVICES:
        served = {(route.method, route.path) for route in _routes(service, "INTERNAL").http}
        assert served == set(_allowed(service)), service


def test_each_internal_route_admits_exactly_its_callers() -> None:
    expected = {(service, method, path): callers for service, method, path, callers in INTERNAL}
    found = {
        (service, *route): callers
        for service in SERVICES
        for route, callers in _allowed(service).items()
    }
    assert found == expected


def test_the_public_listener_serves_no_internal_route_and_the_internal_no_public_one() -> None:
    for service in SERVICES:
        for route in _routes(service, "PUBLIC").http:
            assert not route.path.startswith("/internal"), route
            assert not route.policy.needs_service, route
        for route in _routes(service, "INTERNAL").http:
            assert route.path.startswith("/internal/v1/"), route
            assert route.policy.needs_service, route
        assert _routes(service, "INTERNAL").sockets == ()


def test_every_route_that_creates_takes_an_idempotency_key() -> None:
    creating = {
        route.path
        for service in SERVICES
        for route in _routes(service, "PUBLIC").http
        if route.method == "POST" and route.answers.get(201) is not None
    }
    keyed = {
        route.path
        for service in SERVICES
        for route in _routes(service, "PUBLIC").http
        if route.creates
    }
    assert creating <= keyed


def test_operation_names_are_unique_in_a_service() -> None:
    for service in SERVICES:
        names = [route.operation for route in _routes(service, "PUBLIC").http]
        assert len(names) == len(set(names)), service


def _allowed(service: str) -> dict[tuple[str, str], set[str]]:
    import tomllib

    policy = tomllib.loads(sidecar_policy(service).read_text())
    return {(row["method"], row["path"]): set(row["callers"]) for row in policy.get("allow", ())}

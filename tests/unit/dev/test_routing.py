"""Every path of the public contract has one owner, and nothing else has a way in."""

from fnmatch import fnmatchcase

import pytest
from parlor_dev import gateway, routing
from parlor_dev.client import Api

CONTRACT = {
    "identity": [
        "/api/v1/admin/distributors",
        "/api/v1/admin/moderators",
        "/api/v1/auth/register",
        "/api/v1/auth/login",
        "/api/v1/auth/refresh",
        "/api/v1/auth/logout",
        "/api/v1/users/me",
        "/.well-known/jwks.json",
    ],
    "customer": [
        "/api/v1/invites",
        "/api/v1/invites/token/redeem",
        "/api/v1/relationships/1",
        "/api/v1/entitlements/chat/1/2",
    ],
    "game": [
        "/api/v1/games/invites",
        "/api/v1/games/invites/1/accept",
        "/api/v1/games/invites/1/decline",
        "/api/v1/games/1",
        "/api/v1/games/1/play",
        "/api/v1/games/1/reconnect-token",
        "/api/v1/games/1/scoreboard",
        "/api/v1/games/1/ws",
        "/api/v1/leaderboards/hearts",
    ],
    "chat": [
        "/api/v1/conversations",
        "/api/v1/conversations/1/messages",
        "/api/v1/conversations/1/ws",
        "/api/v1/conversations/1/ws-ticket",
        "/api/v1/messages/1/delivered",
        "/api/v1/messages/1/read",
        "/api/v1/admin/moderation/conversations/1",
        "/api/v1/admin/moderation/conversations/1/legal-hold",
        "/api/v1/admin/archive-expiry/run",
        "/api/v1/admin/audit",
        "/api/v1/admin/exports/1",
    ],
}


def owners(path: str) -> list[str]:
    return [
        service
        for service in routing.SERVICES
        if any(fnmatchcase(path, pattern) for pattern in routing.patterns(service))
    ]


@pytest.mark.parametrize(
    ("service", "path"), [(service, path) for service, paths in CONTRACT.items() for path in paths]
)
def test_a_public_path_belongs_to_one_service(service: str, path: str) -> None:
    assert owners(path) == [service]


@pytest.mark.parametrize("service", routing.SERVICES)
def test_each_service_shows_its_own_documents(service: str) -> None:
    assert owners(f"/api/v1/{service}/openapi.json") == [service]
    assert owners(f"/api/v1/{service}/docs") == [service]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/livez",
        "/readyz",
        "/metrics",
        "/internal/v1/users/1",
        "/api/v1/usersx",
        "/api/v1/admin",
    ],
)
def test_nothing_else_has_a_way_in(path: str) -> None:
    assert owners(path) == []


def test_the_origin_has_no_admin_port_and_listens_on_this_machine_alone() -> None:
    settings = gateway.configuration(8080, {service: [1] for service in routing.SERVICES})
    assert settings["admin"]["disabled"] is True
    assert settings["apps"]["http"]["servers"]["origin"]["listen"] == ["127.0.0.1:8080"]


def test_a_client_without_an_origin_asks_the_service_that_has_the_path() -> None:
    api = Api("http://{service}:8000/")
    assert api.address("/api/v1/games/1?x=2") == "http://game:8000/api/v1/games/1?x=2"
    assert api.address("/api/v1/auth/login") == "http://identity:8000/api/v1/auth/login"
    with pytest.raises(KeyError):
        api.address("/internal/v1/users/1")

"""The one origin sends each public path to the service that serves it, and to no other."""

from fnmatch import fnmatchcase
from importlib import import_module

from parlor_dev.routing import SERVICES, patterns


def _owners(path: str) -> set[str]:
    return {
        service
        for service in SERVICES
        if any(fnmatchcase(path, pattern) for pattern in patterns(service))
    }


def test_every_public_route_is_reached_through_the_origin() -> None:
    for service in SERVICES:
        routes = import_module(f"parlor_{service}.routes").PUBLIC
        for route in (*routes.http, *routes.sockets):
            path = route.path.replace("{", "").replace("}", "")
            assert _owners(path) == {service}, route.path


def test_nothing_internal_is_reached_through_the_origin() -> None:
    for path in ("/internal/v1/users/batch", "/livez", "/readyz", "/metrics", "/"):
        assert _owners(path) == set()

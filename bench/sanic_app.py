"""The same answer from the frame that the platform's internal apps have: kit, Sanic, traces.

Started by `sidecar.py` in place of `bare_app.py` when asked to with `--app sanic`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path
from typing import Any

import uvloop
from parlor_kit.answers import dumps
from parlor_kit.http import build_app
from parlor_kit.serving import Listener
from sanic import Request, Sanic
from sanic.response import HTTPResponse

USER = {
    "id": "0190c1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b",
    "display_name": "Ada",
    "status": "active",
}


def build(name: str) -> Sanic[Any, Any]:
    app = build_app(name)

    async def user(request: Request, user_id: str) -> HTTPResponse:
        return HTTPResponse(dumps(USER), content_type="application/json")

    app.add_route(user, "/internal/v1/users/<user_id>")
    return app


async def serve(port: int, path: Path) -> None:
    await Listener(build("on-tcp"), host="127.0.0.1", port=port).start()
    await Listener(build("on-unix"), unix=path).start()
    await asyncio.get_running_loop().create_future()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", type=Path, required=True)
    parser.add_argument("--core", type=int, required=True)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    uvloop.run(serve(arguments.port, arguments.path))


if __name__ == "__main__":
    main()

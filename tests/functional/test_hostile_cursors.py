"""A cursor that a list did not give out is refused as every wrong field is, whichever list."""

import base64
from collections.abc import AsyncIterator, Mapping
from importlib import import_module
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from factories.people import Person, gather_circle, open_conversation
from parlor_dev.client import Api, Refused
from parlor_dev.stack import Stack
from parlor_kit.ids import new_id

pytestmark = pytest.mark.functional

LARGEST = 2**63 - 1
LISTS = sorted(
    route.path
    for service in ("identity", "customer", "game", "chat")
    for route in import_module(f"parlor_{service}.routes").PUBLIC.http
    if route.query is not None and "cursor" in route.query.model_fields
)
MORE = {
    "/api/v1/admin/moderation/conversations/{conversation_id}": "&reason=a+look",
    "/api/v1/admin/moderation/search": "&reason=a+look&q=cards",
}


def raw(*position: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(position)).rstrip(b"=").decode()


_ID = str(new_id())
HOSTILE = [
    "WyJhYmMiXQ",
    "WyJ4Il0",
    "WzE4NDQ2NzQ0MDczNzA5NTUxNjE1XQ",
    "x",
    raw(),
    raw(None),
    raw(-1),
    raw(LARGEST + 1),
    raw("\x00"),
    raw(1, "abc"),
    raw(LARGEST + 1, 0),
    raw(LARGEST + 1, 0, 1),
    raw(LARGEST + 1, 1, _ID, 1, 1),
    raw(1, LARGEST + 1, _ID, 1, 1),
    raw(1, 1, "abc", 1, 1),
]
# Of the right kinds somewhere, and as large as they come: an empty page there, a refusal elsewhere.
EXTREME = [
    raw(LARGEST),
    raw(LARGEST, LARGEST),
    raw(LARGEST, _ID),
    raw(LARGEST, LARGEST, LARGEST),
    raw(LARGEST, LARGEST, _ID, LARGEST, LARGEST),
    raw("ffffffff-ffff-ffff-ffff-ffffffffffff"),
]


@pytest.fixture(scope="module")
async def seen(platform: Stack) -> AsyncIterator[Mapping[str, tuple[Person, str]]]:
    """Each list with somebody who may see it, and its path where it holds something."""
    async with Api(platform.url) as api:
        circle = await gather_circle(platform, api)
        ann, ben = circle.customers
        made = await ann.api.post(
            "/api/v1/games/invites", {"game": "crazy_eights", "invitee_ids": [ben.id]}
        )
        accepted = await ben.api.post(f"/api/v1/games/invites/{made['id']}/accept")
        run = await circle.admin.api.post("/api/v1/admin/archive-expiry/run", {"dry_run": True})
        names = {
            "{game}": "crazy_eights",
            "{game_id}": accepted["game_id"],
            "{conversation_id}": await open_conversation(ann, ben),
            "{run_id}": run["run_id"],
        }

        def filled(path: str) -> str:
            for name, value in names.items():
                path = path.replace(name, value)
            return path

        def caller(path: str) -> Person:
            if "/admin/" in path:
                return circle.admin
            distributors = ("/api/v1/invites", "/api/v1/customers", "/api/v1/leaderboards/{game}")
            return circle.distributor if path in distributors else ann

        yield {path: (caller(path), filled(path)) for path in LISTS}


async def ask(
    seen: Mapping[str, tuple[Person, str]], path: str, cursor: str | None
) -> tuple[int, str | None]:
    person, address = seen[path]
    query = "" if cursor is None else f"&cursor={quote(cursor)}"
    try:
        await person.api.get(f"{address}?limit=5{query}{MORE.get(path, '')}")
    except Refused as refused:
        return refused.status, refused.code
    return 200, "ok"


@pytest.mark.parametrize("path", LISTS)
async def test_a_made_up_cursor_is_refused(
    seen: Mapping[str, tuple[Person, str]], path: str
) -> None:
    wrong = (422, "validation_failed")
    assert await ask(seen, path, None) == (200, "ok")
    for cursor in HOSTILE:
        assert await ask(seen, path, cursor) == wrong, cursor
    for cursor in EXTREME:
        assert await ask(seen, path, cursor) in ((200, "ok"), wrong), cursor

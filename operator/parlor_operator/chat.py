"""Legal holds, by chat's internal routes. Implements `ports.Holds`."""

from typing import Any
from uuid import UUID

from parlor_operator.errors import Gone
from parlor_operator.internal import InternalRoutes
from parlor_operator.ports import Hold, WantedHold


class ChatHolds:
    def __init__(self, routes: InternalRoutes) -> None:
        self._routes = routes

    async def find(self, key: UUID) -> Hold | None:
        try:
            return _hold(await self._routes.call("GET", _path(key)))
        except Gone:
            return None

    async def put(self, key: UUID, wanted: WantedHold) -> Hold:
        body = {
            "matter": wanted.matter,
            "reason": wanted.reason,
            "conversation_ids": list(wanted.conversation_ids),
            "custodian_ids": list(wanted.custodian_ids),
            "state": "Released" if wanted.released else "Active",
        }
        return _hold(await self._routes.call("PUT", _path(key), body))

    async def orphan(self, key: UUID) -> None:
        await self._routes.call("DELETE", _path(key))


def _path(key: UUID) -> str:
    return f"/internal/v1/legal-holds/{key}"


def _hold(body: Any) -> Hold:
    return Hold(
        id=body["hold_id"],
        active=body["state"] == "Active",
        orphaned=body["orphaned"],
        conversations=body["held_conversations"],
        messages=body["held_messages"],
        missing=tuple(body["missing_conversation_ids"]),
        released_by=body["released_by"],
        protects_until=body.get("protects_until"),  # a chat of before has no grace
    )

"""Distributors' accounts, by identity's internal routes. Implements `ports.Accounts`."""

from typing import Any

from parlor_operator.errors import Gone
from parlor_operator.internal import InternalRoutes
from parlor_operator.ports import Account, WantedAccount


class IdentityAccounts:
    def __init__(self, routes: InternalRoutes) -> None:
        self._routes = routes

    async def find(self, uid: str) -> Account | None:
        try:
            return _account(await self._routes.call("GET", _path(uid)))
        except Gone:
            return None

    async def put(self, uid: str, wanted: WantedAccount) -> Account:
        body = {
            "email": wanted.email,
            "display_name": wanted.display_name,
            "suspended": wanted.suspended,
            "reissue_password": wanted.first_password,
        }
        return _account(await self._routes.call("PUT", _path(uid), body))

    async def release(self, uid: str, *, disable: bool) -> None:
        policy = "disable" if disable else "retain"
        await self._routes.call("DELETE", f"{_path(uid)}?policy={policy}")


def _path(uid: str) -> str:
    return f"/internal/v1/distributors/{uid}"


def _account(body: Any) -> Account:
    return Account(
        id=body["account_id"],
        email=body["email"],
        display_name=body["display_name"],
        suspended=body["status"] != "active",
        moderated=body.get("suspended_by_moderators", False),  # an identity of before says nothing
        first_password=body.get("initial_password"),
    )

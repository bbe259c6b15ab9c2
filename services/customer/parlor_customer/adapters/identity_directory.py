"""Identity's accounts, asked over its internal batch route. Implements `ports.Directory`."""

from collections.abc import Sequence
from uuid import UUID

from parlor_kit.errors import DependencyUnavailable
from parlor_kit.internal import InternalClient

from parlor_customer.ports import AccountState

_PATH = "/internal/v1/users/batch"


class IdentityDirectory:
    def __init__(self, identity: InternalClient) -> None:
        self._identity = identity

    async def accounts(self, ids: Sequence[UUID]) -> Sequence[AccountState]:
        status, answer = await self._identity.call(
            "POST", _PATH, body={"ids": [str(account_id) for account_id in ids]}
        )
        if status != 200:
            raise DependencyUnavailable("identity gave an answer that is not understood")
        try:
            return [_state(item) for item in answer["users"]]
        except (KeyError, TypeError, ValueError) as wrong:
            raise DependencyUnavailable("identity gave an answer that is not understood") from wrong


def _state(item: dict[str, object]) -> AccountState:
    return AccountState(
        id=UUID(str(item["id"])),
        email=str(item["email"]),
        display_name=str(item["display_name"]),
        role=str(item["role"]),
        status=str(item["status"]),
        version=int(str(item["version"])),
    )

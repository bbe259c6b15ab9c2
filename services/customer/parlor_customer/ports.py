"""What the use cases ask of the rest of the platform. `adapters/` answers; tests use fakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account as identity states it; `version` grows with each change of it."""

    id: UUID
    email: str
    display_name: str
    role: str
    status: str
    version: int


class Directory(Protocol):
    """Identity's accounts."""

    async def accounts(self, ids: Sequence[UUID]) -> Sequence[AccountState]:
        """Those of `ids` that exist.

        Raises:
            DependencyUnavailable: identity does not answer.
        """

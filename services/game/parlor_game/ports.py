"""What the use cases ask of the rest of the platform. Implementations are in `adapters`."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID


class Entitlements(Protocol):
    """Who may meet whom; the customer service decides."""

    async def all_entitled(self, user_ids: Sequence[UUID]) -> bool:
        """Whether every pair among these users is entitled now.

        Raises:
            DependencyUnavailable: nobody can tell; nothing may be assumed.
        """
        ...

"""What the use cases ask of the rest of the platform. Implementations are in `adapters`."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

# Of each person at a table, the distributors on whom their right to sit with another there rests.
Circles = Mapping[UUID, Sequence[UUID]]


class Entitlements(Protocol):
    """Who may meet whom; the customer service decides."""

    async def circles(self, user_ids: Sequence[UUID]) -> Circles | None:
        """On whom it rests that every pair among these people is entitled now; None if one is not.

        Raises:
            DependencyUnavailable: nobody can tell; nothing may be assumed.
        """
        ...

    async def belongs(self, user_id: UUID, distributor_id: UUID) -> bool:
        """Whether this user is an active customer of this distributor.

        Raises:
            DependencyUnavailable: nobody can tell; nothing may be assumed.
        """
        ...

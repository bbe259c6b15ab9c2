"""Named questions about who may do what in a conversation. Pure: facts come as arguments."""

from collections.abc import Iterable, Set
from itertools import combinations
from uuid import UUID

from parlor_chat.ports import Entitlement, Pair


def pairs_among(participants: Iterable[UUID]) -> list[Pair]:
    """Every pair that a conversation of these people joins."""
    return list(combinations(sorted(participants), 2))


def may_converse(entitlements: Iterable[Entitlement], disabled: Set[UUID]) -> bool:
    """Whether all pairs are entitled, by what customer says and by accounts we know are disabled.

    Customer may learn of a disabled account after us; so an account that we know of counts, as
    does a distributor on whom an entitlement rests.
    """
    return all(
        entitlement.entitled and not disabled & {*entitlement.pair, entitlement.distributor_id}
        for entitlement in entitlements
    )

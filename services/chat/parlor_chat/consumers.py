"""TABLE: what chat reacts to, and how. Each reaction commits with its inbox row, or not at all."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from parlor_kit.consumer import Reaction
from parlor_kit.database import Transaction
from parlor_kit.events import Event

from parlor_chat.ports import Entitlements
from parlor_chat.usecases.announce_game import announce_game
from parlor_chat.usecases.follow_accounts import follow_account, follow_relationship
from parlor_chat.usecases.follow_erasure import follow_erasure, keep_erasure_report
from parlor_chat.usecases.record_administration import record_administration

REACTS_TO: Mapping[str, Callable[[Entitlements, Transaction, Event], Awaitable[None]]] = {
    "account.administered": record_administration,
    "account.disabled": follow_account,
    "account.enabled": follow_account,
    "account.erased": follow_erasure,
    "relationship.started": follow_relationship,
    "relationship.ended": follow_relationship,
    "relationship.party_erased": keep_erasure_report,
    "game.invited": announce_game,
    "game.started": announce_game,
    "game.finished": announce_game,
    "game.player_erased": keep_erasure_report,
}


def reactions(entitlements: Entitlements) -> dict[str, Reaction]:
    """The table, ready for the inbox of a process."""
    return {type_: partial(react, entitlements) for type_, react in REACTS_TO.items()}

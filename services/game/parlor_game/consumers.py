"""Every event that the game service reacts to, and how."""

from collections.abc import Mapping

from parlor_kit.consumer import Reaction

from parlor_game.usecases.erase_account import erase_account
from parlor_game.usecases.follow_accounts import follow_account

REACTS_TO: Mapping[str, Reaction] = {
    "account.disabled": follow_account,
    "account.enabled": follow_account,
    "account.erased": erase_account,
}

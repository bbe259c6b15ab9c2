"""Reaction to an erased account: it leaves the tables it sits at, and its seats become nobody's.

A seat never had more than the account's number, which leads to nobody once identity has erased the
account; it stays, since the game is the others' too and its moves are checked against its seats.
What was done goes out as `game.player_erased`.
"""

from uuid import UUID

from parlor_kit.clock import now
from parlor_kit.database import Transaction
from parlor_kit.events import Event

from parlor_game.events import player_erased
from parlor_game.usecases.follow_accounts import follow_account

_FORGET_TOKENS = "DELETE FROM reconnect_tokens WHERE user_id = $1"

_KEPT = """
SELECT (SELECT count(*) FROM game_players WHERE user_id = $1) AS seats,
    (SELECT count(*) FROM invites WHERE inviter_id = $1)
        + (SELECT count(*) FROM invitees WHERE user_id = $1) AS invites
"""


async def erase_account(transaction: Transaction, event: Event) -> None:
    """Forfeit, leave invites, forget tokens; doing it again finds nothing left to do."""
    await follow_account(transaction, event)
    account_id = UUID(event.data["account_id"])
    await transaction.connection.execute(_FORGET_TOKENS, account_id)
    kept = await transaction.connection.fetchrow(_KEPT, account_id)
    transaction.publish(player_erased(account_id, kept["seats"], kept["invites"], now()))

"""Follow identity's accounts: who is disabled leaves every table and every open invite.

A reaction of the consumer: all of it is one transaction with the event's inbox row. Nothing here
is undone when an account is enabled again; it may only come back to its sockets.
"""

from uuid import UUID

from parlor_kit.database import Database, Transaction
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.events import Event

from parlor_game.usecases.answer_invite import close_by
from parlor_game.usecases.check_accounts import about_to_change
from parlor_game.usecases.commit_plays import catch_up, commit
from parlor_game.usecases.find_invite import PENDING, lock_invite
from parlor_game.usecases.load_table import STANDING, rebuild
from parlor_game.usecases.play_card import forfeit_move

_NOTE = """
INSERT INTO disabled_accounts (user_id, version, disabled) VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO UPDATE SET version = excluded.version, disabled = excluded.disabled
WHERE disabled_accounts.version < excluded.version RETURNING true
"""
_GAMES = """
SELECT g.id FROM games g JOIN game_players p ON p.game_id = g.id
WHERE p.user_id = $1 AND g.status = 'active' ORDER BY g.id FOR UPDATE OF g
"""
_INVITES = """
SELECT i.id FROM invites i JOIN (
    SELECT id FROM invites WHERE inviter_id = $1
    UNION SELECT invite_id FROM invitees WHERE user_id = $1
) AS theirs USING (id) WHERE i.status = 'pending' ORDER BY i.id
"""


async def follow_account(transaction: Transaction, event: Event) -> None:
    """React to an account that is disabled or enabled; older versions change nothing."""
    user_id = UUID(event.data["account_id"])
    disabled = event.data["status"] == "disabled"
    await about_to_change(transaction.connection, user_id)
    newer = await transaction.connection.fetchval(_NOTE, user_id, event.data["version"], disabled)
    if newer and disabled:
        await _leave_invites(transaction, user_id)
        await _forfeit_games(transaction, user_id)


class DisabledAccounts:
    """Whom no socket may be opened for: what the database says, and what this process has heard.

    The live feed of an api process may hear of an account before the consumer has written it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._heard: set[UUID] = set()

    def hear(self, user_id: UUID, *, disabled: bool) -> None:
        if disabled:
            self._heard.add(user_id)
        else:
            self._heard.discard(user_id)

    async def include(self, user_id: UUID) -> bool:
        async with self._database.connection() as connection:
            written = await connection.fetchval(
                "SELECT disabled FROM disabled_accounts WHERE user_id = $1", user_id
            )
        return bool(written) or user_id in self._heard


async def _leave_invites(transaction: Transaction, user_id: UUID) -> None:
    for row in await transaction.connection.fetch(_INVITES, user_id):
        found = await lock_invite(transaction.connection, row["id"])
        if found is not None and found.status == PENDING:
            await close_by(transaction, found, user_id)


async def _forfeit_games(transaction: Transaction, user_id: UUID) -> None:
    """The games are locked, so no play can come between and every move is taken."""
    connection = transaction.connection
    await catch_up(connection)
    moves = []
    for row in await connection.fetch(_GAMES, user_id):
        standing = await connection.fetchrow(STANDING, row["id"])
        table = await rebuild(connection, row["id"], standing)
        moves.append(forfeit_move(table, table.players.index(user_id), "departure"))
    if moves and None in await commit(connection, moves):
        raise DependencyUnavailable("The clocks stand still again: nobody looks after them")

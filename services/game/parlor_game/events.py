"""The events that the game service emits, on `game.events`. No card is ever in one.

Use cases publish them in their transactions; `commit_plays` writes `game.advanced` itself. The
schemas are `kafka/schemas/game.*.v1.json`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from parlor_kit.clock import rfc3339
from parlor_kit.events import Event

from parlor_game.bots import level_of

TOPIC = "game.events"

ADVANCED = "game.advanced"
FINISHED = "game.finished"


def invited(
    invite_id: UUID, game: str, inviter_id: UUID, invitee_ids: Sequence[UUID], expires_at: datetime
) -> Event:
    data = _invite(invite_id, game, inviter_id, invitee_ids) | {"expires_at": rfc3339(expires_at)}
    return Event(TOPIC, "game.invited", str(invite_id), data)


def invite_declined(
    invite_id: UUID, game: str, inviter_id: UUID, invitee_ids: Sequence[UUID], declined_by: UUID
) -> Event:
    """An invitee declined, or the inviter took the invite back."""
    data = _invite(invite_id, game, inviter_id, invitee_ids) | {"declined_by": str(declined_by)}
    return Event(TOPIC, "game.invite_declined", str(invite_id), data)


def invite_expired(
    invite_id: UUID, game: str, inviter_id: UUID, invitee_ids: Sequence[UUID]
) -> Event:
    data = _invite(invite_id, game, inviter_id, invitee_ids)
    return Event(TOPIC, "game.invite_expired", str(invite_id), data)


def started(game_id: UUID, invite_id: UUID, game: str, player_ids: Sequence[UUID]) -> Event:
    data = {
        "game_id": str(game_id),
        "invite_id": str(invite_id),
        "game": game,
        "player_ids": [str(player) for player in player_ids],
        **_bots_among(player_ids),
    }
    return Event(TOPIC, "game.started", str(game_id), data)


def finished_data(
    game_id: UUID,
    game: str,
    status: str,
    player_ids: Sequence[UUID],
    winner_ids: Sequence[UUID],
    scores: Sequence[int],
) -> Mapping[str, object]:
    """The data of `game.finished`; `scores` in the order of `player_ids`, which is by seat."""
    return {
        "game_id": str(game_id),
        "game": game,
        "status": status,
        "player_ids": [str(player) for player in player_ids],
        **_bots_among(player_ids),
        "winner_ids": [str(winner) for winner in winner_ids],
        "scores": list(scores),
    }


def _bots_among(player_ids: Sequence[UUID]) -> dict[str, object]:
    """Which players have no account, where there are any."""
    bots = [str(player) for player in player_ids if level_of(player) is not None]
    return {"bot_ids": bots} if bots else {}


def player_erased(account_id: UUID, seats_kept: int, invites_kept: int, at: datetime) -> Event:
    """What was done here about an erased account, for the report of its erasure."""
    data = {
        "account_id": str(account_id),
        "seats_kept": seats_kept,
        "invites_kept": invites_kept,
        "at": rfc3339(at),
    }
    return Event(TOPIC, "game.player_erased", str(account_id), data)


def _invite(
    invite_id: UUID, game: str, inviter_id: UUID, invitee_ids: Sequence[UUID]
) -> dict[str, object]:
    return {
        "invite_id": str(invite_id),
        "game": game,
        "inviter_id": str(inviter_id),
        "invitee_ids": [str(invitee) for invitee in invitee_ids],
    }

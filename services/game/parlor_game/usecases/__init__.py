"""What the service does, one verb a file: HTTP, sockets and Kafka are doors to these."""

from dataclasses import dataclass
from datetime import timedelta

from parlor_kit.database import Database
from parlor_kit.hub import Hub
from parlor_kit.idempotency import Idempotency
from parlor_kit.principal import Users

from parlor_game.usecases.answer_invite import AnswerInvite
from parlor_game.usecases.create_invite import CreateInvite
from parlor_game.usecases.follow_accounts import DisabledAccounts
from parlor_game.usecases.list_invites import ListInvites
from parlor_game.usecases.play_card import PlayCard
from parlor_game.usecases.prove_game import ProveGame
from parlor_game.usecases.read_game import ReadGame
from parlor_game.usecases.read_leaderboard import ReadLeaderboard
from parlor_game.usecases.replay_game import ReplayGame
from parlor_game.usecases.track_presence import Presence


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the route functions find as `call.app`."""

    database: Database
    idempotency: Idempotency
    users: Users
    hub: Hub
    create_invite: CreateInvite
    answer_invite: AnswerInvite
    list_invites: ListInvites
    read_game: ReadGame
    read_leaderboard: ReadLeaderboard
    prove_game: ProveGame
    replay_game: ReplayGame
    play_card: PlayCard
    presence: Presence
    disabled_accounts: DisabledAccounts
    spectator_token_ttl: timedelta

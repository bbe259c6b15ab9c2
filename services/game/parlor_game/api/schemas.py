"""Bodies, queries and views of the game service, as the contract states them.

No game is named here: what differs between games is in `options`, `table` and `legal_plays`,
whose members each game defines.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from parlor_kit.fields import Body, Moment, Query, Text, View
from parlor_kit.pages import Page, PageQuery
from parlor_rules.fair_deal import MAX_SEED_LENGTH
from parlor_rules.move_log import By
from parlor_rules.protocol import Action
from pydantic import Field

from parlor_game.bots import MOST, Level, level_of
from parlor_game.usecases.find_invite import FoundInvite

GameStatus = Literal["active", "finished", "abandoned"]
InviteStatus = Literal["pending", "accepted", "declined", "expired", "cancelled"]

Seed = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_SEED_LENGTH,
        pattern="^[ -~]+$",
        description="Any printable ASCII of your own: the shuffle depends on it.",
    ),
]


class NewInvite(Body):
    """A game and whom to play it with; seats follow the order of `invitee_ids`, then of `bots`."""

    game: Text = Field(max_length=50)
    invitee_ids: list[UUID] = Field(default_factory=list, max_length=16)
    bots: list[Level] = Field(
        default_factory=list, max_length=MOST, description="Practice partners, by level."
    )
    options: dict[str, Any] = Field(default_factory=dict, max_length=32)
    seed: Seed | None = None


class Acceptance(Body):
    """A seat taken; the body may be left out."""

    seed: Seed | None = None


class InviterSeed(Body):
    """The inviter's word for the deal; it may also come with the invite."""

    seed: Seed


class InviteeView(View):
    user_id: UUID
    status: Literal["pending", "accepted", "declined"]


class InviteView(View):
    """An invite as everybody invited and the inviter see it."""

    id: UUID
    game: str
    options: dict[str, Any]
    inviter_id: UUID
    invitees: list[InviteeView]
    bots: list[Level]
    status: InviteStatus
    game_id: UUID | None
    commitment: str = Field(description="SHA-256 of the server's seed, which is told at the end.")
    expires_at: Moment
    created_at: Moment

    @classmethod
    def of(cls, found: FoundInvite) -> "InviteView":
        return cls.model_validate(
            {
                "id": found.id,
                "game": found.game,
                "options": found.options,
                "inviter_id": found.inviter_id,
                "invitees": [
                    {"user_id": user_id, "status": status}
                    for user_id, status in found.answers.items()
                ],
                "bots": [level_of(bot_id) for bot_id in found.bot_ids],
                "status": found.status,
                "game_id": found.game_id,
                "commitment": found.commitment,
                "expires_at": found.expires_at,
                "created_at": found.created_at,
            }
        )


class InvitePage(Page[InviteView]):
    """Invites that the caller made or got, open ones first."""


class PlayBody(Body):
    """A play; `legal_plays` of the view lists the bodies that are allowed now."""

    action: Action | None = Field(
        None, description="`play` when only a card is given; docs/games.md says what each means."
    )
    card: str | None = Field(None, max_length=2, description="Rank, then suit: `TD`, `QS`.")
    cards: list[str] | None = Field(
        None, max_length=13, description="With `pass_cards` and `meld`, in the order listed."
    )
    suit: str | None = Field(None, max_length=1, description="What a played wild card stands for.")
    bid: int | None = Field(None, ge=0, le=13, description="With `bid`: how many tricks.")
    expected_seq: int | None = Field(
        None, ge=0, le=2**53 - 1, description="The seq of the view the play was chosen on."
    )


class PlayerView(View):
    user_id: UUID
    bot: Level | None = Field(description="The level of a practice partner; null for a person.")
    seat: int
    hand_size: int
    score: int
    connected: bool
    reconnect_by: Moment | None = Field(
        description="Until when the seat is kept for a player who has lost the connection."
    )


class GameView(View):
    """A game from the caller's seat: its own hand, and of the others what lies open."""

    game_id: UUID
    game: str
    status: GameStatus
    epoch: str
    seq: int
    players: list[PlayerView]
    turn: UUID | None
    your_hand: list[str]
    legal_plays: list[dict[str, Any]]
    table: dict[str, Any]
    deadline: Moment | None = Field(description="When the time to move is over, reserve included.")
    reserves: dict[UUID, float] | None = Field(
        description="Seconds of reserve that each player has left; null without a turn clock."
    )
    commitment: str | None = Field(description="As in the invite.")
    log_head: str | None = Field(description="The hash chain of the move log at this point.")


class PlayedView(View):
    """The seq that the play got, and the table after it."""

    seq: int
    view: GameView


class ListedPlayer(View):
    user_id: UUID
    bot: Level | None
    seat: int
    score: int | None
    rank: int | None


class ListedGame(View):
    """A game in a list, without cards."""

    game_id: UUID
    game: str
    options: dict[str, Any]
    status: GameStatus
    epoch: str
    seq: int
    players: list[ListedPlayer]
    turn: UUID | None
    winner_ids: list[UUID]
    created_at: Moment
    finished_at: Moment | None


class GamePage(Page[ListedGame]):
    """The caller's games, newest first."""


class GamesQuery(PageQuery):
    status: GameStatus | None = None
    game: Text | None = Field(None, max_length=50)


class RankedPlayer(View):
    user_id: UUID
    seat: int
    score: int
    rank: int


class Round(View):
    round: int
    scores: dict[UUID, int]


class Scoreboard(View):
    game_id: UUID
    game: str
    status: GameStatus
    players: list[RankedPlayer]
    rounds: list[Round]
    winner_ids: list[UUID]


class GameEventView(View):
    """An event as the live socket sends it to the caller's seat."""

    seq: int
    at: Moment
    event: dict[str, Any]


class GameEventPage(Page[GameEventView]):
    """The stream of a game from the caller's seat, oldest first."""


class EventsQuery(PageQuery):
    since: int = Field(0, ge=0, le=2**62, description="Only events after this seq.")


class ReplayQuery(Query):
    step: int = Field(0, ge=0, le=2**31 - 1, description="How many moves were made; 0: the deal.")


class ReplayedStep(View):
    """The table after `step` of `steps` moves, and the events of that step."""

    step: int
    steps: int
    at: Moment
    events: list[GameEventView]
    view: GameView
    hands: dict[UUID, list[str]] | None = Field(
        description="The hands of all players, once the game is over."
    )


class ProvenMove(View):
    """A move, and the hash chain after it."""

    number: int
    seat: int
    play: dict[str, Any]
    by: By
    at: Moment
    hash: str


class ProvenResult(View):
    """Scores, ranks and winners by seat; one row of `rounds` a deal."""

    status: GameStatus
    scores: list[int]
    ranks: list[int]
    winners: list[int]
    rounds: list[list[int]]


class Proof(View):
    """What a game was made from, for `parlor verify-game`; see docs/fair-deal.md."""

    proof: str
    log: str
    shuffle: str
    game_id: UUID
    game: str
    options: dict[str, Any]
    players: list[UUID]
    commitment: str
    server_seed: str
    seeds: list[str]
    moves: list[ProvenMove]
    head: str
    result: ProvenResult


class ReconnectTokenView(View):
    """A way back to the table: open `ws_url` within a minute; it works once."""

    token: str
    game_id: UUID
    epoch: str
    seq: int
    expires_at: Moment
    ws_url: str


class SpectatorTokenView(View):
    """A right to watch, for anybody who has the token until it expires: hand it out.

    It goes into the Authorization header, never into a URL: `/watch-ticket` gives what may.
    """

    token: str
    game_id: UUID
    expires_at: Moment
    ws_url: str


class WatchTicketView(View):
    """A way to watch where no header can be sent: open `ws_url` within a minute; it works once."""

    token: str
    game_id: UUID
    expires_at: Moment
    ws_url: str


class LeaderboardQuery(PageQuery):
    distributor_id: UUID | None = Field(
        None, description="Whose circle; a distributor may leave it out for their own."
    )


class LeaderboardEntry(View):
    """Two points for every player below, one for every other of the same rank."""

    rank: int
    user_id: UUID
    games: int
    wins: int
    points: int


class LeaderboardPage(Page[LeaderboardEntry]):
    """The board of one game in a distributor's circle, best first; `you` is the caller's entry."""

    game: str
    distributor_id: UUID
    you: LeaderboardEntry | None

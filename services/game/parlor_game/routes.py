"""Every route of the game service: method, path, function, policy, models.

PUBLIC is served to users on the public port. There are no internal routes: other services learn
of games from `game.events`.
"""

from parlor_kit.errors import IdempotencyKeyReused, Unauthenticated
from parlor_kit.pages import PageQuery
from parlor_kit.routing import SIGNED_IN, Policy, Route, Routes, SocketRoute
from parlor_kit.socket_frames import SocketQuery

from parlor_game import errors
from parlor_game.api import games, invites, leaderboards, live, watching
from parlor_game.api.schemas import (
    Acceptance,
    EventsQuery,
    GameEventPage,
    GamePage,
    GamesQuery,
    GameView,
    InvitePage,
    InviterSeed,
    InviteView,
    LeaderboardPage,
    LeaderboardQuery,
    NewInvite,
    PlayBody,
    PlayedView,
    Proof,
    ReconnectTokenView,
    ReplayedStep,
    ReplayQuery,
    Scoreboard,
    SpectatorTokenView,
    WatchTicketView,
)
from parlor_game.api.socket_frames import (
    ForfeitFrame,
    GameEventFrame,
    GameWelcomeFrame,
    PlayedFrame,
    PlayFrame,
)

# No account is needed to watch: the function asks for a spectator token of the game.
SPECTATOR = Policy("spectator by token", lambda *_: None)

PUBLIC = Routes(
    http=(
        Route(
            "POST",
            "/api/v1/games/invites",
            invites.create_game_invite,
            SIGNED_IN,
            answers={201: InviteView},
            errors=(errors.NotEntitled,),
            body=NewInvite,
            creates=True,
        ),
        Route(
            "GET",
            "/api/v1/games/invites",
            invites.list_game_invites,
            SIGNED_IN,
            answers={200: InvitePage},
            query=PageQuery,
        ),
        Route(
            "GET",
            "/api/v1/games/invites/{invite_id}",
            invites.read_game_invite,
            SIGNED_IN,
            answers={200: InviteView},
        ),
        Route(
            "DELETE",
            "/api/v1/games/invites/{invite_id}",
            invites.withdraw_game_invite,
            SIGNED_IN,
            answers={200: InviteView},
            errors=(errors.InviteClosed,),
        ),
        Route(
            "PUT",
            "/api/v1/games/invites/{invite_id}/seed",
            invites.say_invite_seed,
            SIGNED_IN,
            answers={200: InviteView},
            errors=(errors.InviteClosed,),
            body=InviterSeed,
        ),
        Route(
            "POST",
            "/api/v1/games/invites/{invite_id}/accept",
            invites.accept_game_invite,
            SIGNED_IN,
            answers={200: InviteView},
            errors=(errors.InviteClosed, errors.NotEntitled),
            body=Acceptance,
            body_optional=True,
        ),
        Route(
            "POST",
            "/api/v1/games/invites/{invite_id}/decline",
            invites.decline_game_invite,
            SIGNED_IN,
            answers={200: InviteView},
            errors=(errors.InviteClosed,),
        ),
        Route(
            "GET",
            "/api/v1/games",
            games.list_games,
            SIGNED_IN,
            answers={200: GamePage},
            query=GamesQuery,
        ),
        Route(
            "GET",
            "/api/v1/games/{game_id}",
            games.read_game,
            SIGNED_IN,
            answers={200: GameView},
        ),
        Route(
            "POST",
            "/api/v1/games/{game_id}/play",
            games.play_card,
            SIGNED_IN,
            answers={200: PlayedView},
            errors=(
                errors.NotYourTurn,
                errors.StalePlay,
                errors.GameOver,
                errors.IllegalPlay,
                IdempotencyKeyReused,
            ),
            body=PlayBody,
            creates=True,
        ),
        Route(
            "POST",
            "/api/v1/games/{game_id}/forfeit",
            games.forfeit_game,
            SIGNED_IN,
            answers={200: PlayedView},
            errors=(errors.GameOver,),
            creates=True,
        ),
        Route(
            "GET",
            "/api/v1/games/{game_id}/reconnect-token",
            games.create_reconnect_token,
            SIGNED_IN,
            answers={200: ReconnectTokenView},
        ),
        Route(
            "GET",
            "/api/v1/games/{game_id}/scoreboard",
            games.read_scoreboard,
            SIGNED_IN,
            answers={200: Scoreboard},
        ),
        Route(
            "GET",
            "/api/v1/games/{game_id}/events",
            games.list_game_events,
            SIGNED_IN,
            answers={200: GameEventPage},
            query=EventsQuery,
        ),
        Route(
            "GET",
            "/api/v1/games/{game_id}/replay",
            games.replay_game,
            SIGNED_IN,
            answers={200: ReplayedStep},
            query=ReplayQuery,
        ),
        Route(
            "GET",
            "/api/v1/games/{game_id}/proof",
            games.read_proof,
            SIGNED_IN,
            answers={200: Proof},
            errors=(errors.GameNotOver,),
        ),
        Route(
            "POST",
            "/api/v1/games/{game_id}/spectator-token",
            watching.create_spectator_token,
            SIGNED_IN,
            answers={201: SpectatorTokenView},
            errors=(errors.NoSpectators,),
            creates=True,
        ),
        Route(
            "GET",
            "/api/v1/games/{game_id}/watch",
            watching.watch_game,
            SPECTATOR,
            answers={200: GameView},
            errors=(Unauthenticated,),
        ),
        Route(
            "GET",
            "/api/v1/games/{game_id}/watch-ticket",
            watching.create_watch_ticket,
            SPECTATOR,
            answers={200: WatchTicketView},
            errors=(Unauthenticated,),
        ),
        Route(
            "GET",
            "/api/v1/leaderboards/{game}",
            leaderboards.read_leaderboard,
            SIGNED_IN,
            answers={200: LeaderboardPage},
            query=LeaderboardQuery,
        ),
    ),
    sockets=(
        SocketRoute(
            "/api/v1/games/{game_id}/ws",
            live.live_game,
            "player by token",
            query=SocketQuery,
            takes=(PlayFrame, ForfeitFrame),
            sends=(GameWelcomeFrame, GameEventFrame, PlayedFrame),
        ),
        SocketRoute(
            "/api/v1/games/{game_id}/watch/ws",
            watching.live_watch,
            "spectator by token or ticket",
            query=SocketQuery,
            sends=(GameWelcomeFrame, GameEventFrame),
        ),
    ),
)

INTERNAL = Routes(http=())

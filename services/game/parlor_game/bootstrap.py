"""The composition root: settings to ports to use cases to what a process runs."""

from collections.abc import Sequence
from uuid import UUID

from parlor_kit.batching import BatchWriter
from parlor_kit.consumer import Consumer, Inbox, prune_inbox
from parlor_kit.database import Database, Session
from parlor_kit.events import Event, Schemas
from parlor_kit.feed import LiveFeed
from parlor_kit.hub import Hub
from parlor_kit.idempotency import Idempotency
from parlor_kit.ids import parse_id
from parlor_kit.internal import InternalClient
from parlor_kit.jobs import every
from parlor_kit.jwks import KeySet
from parlor_kit.live_socket import NOT_ENTITLED
from parlor_kit.principal import USER_AUDIENCE, Users
from parlor_kit.process import Api, Worker
from parlor_kit.relay import Relay
from parlor_kit.sealing import Sealer
from parlor_kit.tokens import Verifier

from parlor_game import events
from parlor_game.adapters.entitlements import CustomerEntitlements
from parlor_game.consumers import REACTS_TO
from parlor_game.routes import INTERNAL, PUBLIC
from parlor_game.settings import GameSettings
from parlor_game.usecases import UseCases
from parlor_game.usecases.answer_invite import AnswerInvite
from parlor_game.usecases.commit_plays import Committed, Move, commit
from parlor_game.usecases.create_invite import CreateInvite
from parlor_game.usecases.expire_invites import expire_invites
from parlor_game.usecases.follow_accounts import DisabledAccounts
from parlor_game.usecases.follow_game import GameStreams
from parlor_game.usecases.issue_reconnect_token import prune_reconnect_tokens
from parlor_game.usecases.issue_spectator_token import prune_spectator_tokens
from parlor_game.usecases.issue_watch_ticket import prune_watch_tickets
from parlor_game.usecases.list_invites import ListInvites
from parlor_game.usecases.load_table import Tables
from parlor_game.usecases.play_bots import PlayBots
from parlor_game.usecases.play_card import PlayCard
from parlor_game.usecases.prove_game import ProveGame
from parlor_game.usecases.read_game import ReadGame
from parlor_game.usecases.read_leaderboard import ReadLeaderboard
from parlor_game.usecases.replay_game import ReplayGame
from parlor_game.usecases.tick_clocks import TickClocks
from parlor_game.usecases.track_presence import Presence, sweep_connections

_IDENTITY_TOPIC = "identity.events"
_MINUTE, _HOUR, _DAY = 60, 3600, 24 * 3600


async def api(settings: GameSettings) -> Api:
    """The api process."""
    database = Database(settings.database_url, "game")
    await database.open()
    keys = KeySet(settings.parlor_jwks_url)
    await keys.start()
    customer = InternalClient(
        "customer", settings.parlor_customer_url, settings.parlor_credentials_dir
    )
    entitlements = CustomerEntitlements(customer)
    sealer = Sealer(settings.secret_key)
    users = Users(Verifier(keys, issuer=settings.parlor_issuer, audience=USER_AUDIENCE))
    tables = Tables(database)
    hub = Hub(GameStreams(database, tables))
    session = Session(database)

    async def write(moves: Sequence[Move]) -> Sequence[Committed | None]:
        return await commit(session, moves)

    writer = BatchWriter("plays", write)
    presence = Presence(
        database,
        hub,
        lease_seconds=settings.game_connection_lease,
        window=settings.game_reconnect_window,
    )
    # Nobody can play where nobody can be told who they are, nor where sockets are turned away.
    clocks = TickClocks(database, tables, hub, lambda: keys.loaded and not hub.draining)
    await presence.renew()
    disabled_accounts = DisabledAccounts(database)
    read_game = ReadGame(database, tables)
    feed = live_feed(settings, hub, disabled_accounts)

    async def renew_lease() -> None:
        await every(settings.game_connection_lease / 3, "renew-lease", presence.renew)

    async def close() -> None:
        await presence.close()
        await writer.close()
        await session.close()
        await customer.close()
        await keys.close()
        await database.close()

    async def has_keys() -> bool:
        return keys.loaded

    return Api(
        public=PUBLIC,
        internal=INTERNAL,
        services=UseCases(
            database=database,
            idempotency=Idempotency(database, sealer),
            users=users,
            hub=hub,
            create_invite=CreateInvite(
                entitlements, settings.game_invite_ttl, settings.game_idle_after
            ),
            answer_invite=AnswerInvite(database, entitlements, settings.game_idle_after),
            list_invites=ListInvites(database),
            read_game=read_game,
            read_leaderboard=ReadLeaderboard(database, entitlements),
            prove_game=ProveGame(database, read_game),
            replay_game=ReplayGame(database, read_game),
            play_card=PlayCard(database, tables, writer, hub, sealer),
            presence=presence,
            disabled_accounts=disabled_accounts,
            spectator_token_ttl=settings.game_spectator_token_ttl,
        ),
        users=users,
        sealer=sealer,
        ready={"database": database.answers, "keys": has_keys},
        background={
            "feed": feed.run,
            "keep-level": hub.keep_level,
            "renew-lease": renew_lease,
            "tick-clocks": clocks.run,
        },
        hub=hub,
        close=close,
    )


def live_feed(settings: GameSettings, hub: Hub, disabled_accounts: DisabledAccounts) -> LiveFeed:
    """What wakes the sockets of this replica when another one, or the worker, has written."""

    def wanted(topic: str, key: str, seq: int | None) -> bool:
        stream = parse_id(key)
        return stream is not None and (topic == _IDENTITY_TOPIC or hub.lacks(stream, seq))

    def on_event(event: Event) -> None:
        if event.type == events.ADVANCED:
            hub.wake(UUID(event.key), event.data["seq"])
        elif event.type == "account.enabled":
            disabled_accounts.hear(UUID(event.key), disabled=False)
        elif event.type == "account.disabled":
            disabled_accounts.hear(UUID(event.key), disabled=True)
            hub.close_viewer(UUID(event.key), NOT_ENTITLED, "this account is disabled")

    return LiveFeed(
        settings.brokers,
        (events.TOPIC, _IDENTITY_TOPIC),
        wanted=wanted,
        on_event=on_event,
    )


async def worker(settings: GameSettings) -> Worker:
    """The worker process: carries events to Kafka, follows accounts, runs the periodic jobs."""
    database = Database(settings.database_url, "game")
    await database.open()
    schemas = Schemas(settings.parlor_schemas_dir)
    relay = Relay(database, schemas, settings.brokers)
    consumer = Consumer("game", inbox(settings, database, schemas), schemas, settings.brokers)

    async def expire() -> None:
        await every(2, "expire-invites", lambda: expire_invites(database))

    async def sweep_once() -> None:
        await sweep_connections(database, settings.game_reconnect_window)

    async def sweep() -> None:
        seconds = settings.game_connection_lease / 3
        await every(seconds, "sweep-connections", sweep_once)

    async def prune_tokens() -> None:
        await every(_MINUTE, "prune-reconnect-tokens", lambda: prune_reconnect_tokens(database))

    async def prune_tickets() -> None:
        await every(_MINUTE, "prune-watch-tickets", lambda: prune_watch_tickets(database))

    async def prune_watching() -> None:
        await every(_HOUR, "prune-spectator-tokens", lambda: prune_spectator_tokens(database))

    async def prune_events() -> None:
        await every(_DAY, "prune-inbox", lambda: prune_inbox(database))

    return Worker(
        background={
            "relay": relay.run,
            "consumer": consumer.run,
            "expire-invites": expire,
            "sweep-connections": sweep,
            "prune-reconnect-tokens": prune_tokens,
            "prune-watch-tickets": prune_tickets,
            "prune-spectator-tokens": prune_watching,
            "prune-inbox": prune_events,
        },
        ready={"database": database.answers},
        close=database.close,
    )


async def bots(settings: GameSettings) -> Worker:
    """The bots' process: lets the practice partners play."""
    database = Database(settings.database_url, "game")
    await database.open()
    play_bots = PlayBots(database, Tables(database))
    return Worker(
        background={"play-bots": play_bots.run},
        ready={"database": database.answers},
        close=database.close,
    )


def inbox(_: GameSettings, database: Database, schemas: Schemas) -> Inbox:
    """How events are applied; also what replays dead letters."""
    return Inbox(database, schemas, REACTS_TO)

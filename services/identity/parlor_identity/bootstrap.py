"""The composition root of the identity service: the one place that knows every concrete class."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from parlor_kit import logs
from parlor_kit.consumer import Consumer, Inbox, prune_inbox
from parlor_kit.database import Database
from parlor_kit.errors import DependencyUnavailable
from parlor_kit.events import Schemas
from parlor_kit.idempotency import Idempotency
from parlor_kit.jobs import every
from parlor_kit.principal import USER_AUDIENCE, Users
from parlor_kit.process import Api, Worker
from parlor_kit.relay import Relay
from parlor_kit.sealing import Sealer
from parlor_kit.tokens import Verifier

from parlor_identity.adapters.argon2_hasher import Argon2Hasher
from parlor_identity.adapters.signing_keys import LIFETIME, SigningKeys
from parlor_identity.consumers import REACTS_TO
from parlor_identity.refresh_tokens import RefreshTokens
from parlor_identity.routes import INTERNAL, PUBLIC
from parlor_identity.settings import IdentitySettings
from parlor_identity.throttling import Throttling, rules
from parlor_identity.usecases.change_password import ChangePassword
from parlor_identity.usecases.change_status import ChangeStatus
from parlor_identity.usecases.confirm_owner import ConfirmOwner
from parlor_identity.usecases.end_sessions import LogOut, OwnSessions
from parlor_identity.usecases.erase_account import EraseAccount
from parlor_identity.usecases.keep_distributor import KeepDistributor
from parlor_identity.usecases.log_in import LogIn
from parlor_identity.usecases.make_first_admin import MakeFirstAdmin
from parlor_identity.usecases.provision_account import ProvisionAccount
from parlor_identity.usecases.prune_expired import PruneExpired
from parlor_identity.usecases.read_accounts import ReadAccounts
from parlor_identity.usecases.refresh_session import RefreshSession
from parlor_identity.usecases.register_user import RegisterUser
from parlor_identity.usecases.rotate_keys import RotateKeys
from parlor_identity.usecases.services import IdentityServices
from parlor_identity.usecases.sessions import Lifetimes

log = logs.get("bootstrap")

_PRUNE_SECONDS = 600.0
_DAY = 24 * 3600.0


@dataclass(frozen=True)
class Identity:
    """The service's parts, for the api process and for tests in one process."""

    services: IdentityServices
    keys: SigningKeys
    rotate_keys: RotateKeys
    make_first_admin: MakeFirstAdmin
    hasher: Argon2Hasher


def key_rotation(settings: IdentitySettings, database: Database) -> RotateKeys:
    return RotateKeys(
        database,
        Sealer(settings.secret_key),
        overlap=settings.identity_key_overlap,
        lifetime=timedelta(seconds=LIFETIME),
    )


def compose(settings: IdentitySettings, database: Database) -> Identity:
    secret = settings.secret_key
    sealer = Sealer(secret)
    idempotency = Idempotency(database, sealer)
    keys = SigningKeys(sealer, settings.parlor_issuer)
    hasher = Argon2Hasher(parallelism=settings.hash_parallelism, queue=settings.identity_hash_queue)
    refresh_tokens = RefreshTokens(secret)
    lifetimes = Lifetimes(settings.identity_refresh_ttl, settings.identity_session_ttl)
    throttling = Throttling(
        secret,
        rules(
            pair=settings.identity_failures_free,
            account=settings.identity_failures_free_account,
            address=settings.identity_failures_free_address,
            first=settings.identity_first_delay,
            longest=settings.identity_longest_delay,
        ),
    )
    confirm_owner = ConfirmOwner(database, hasher, throttling)
    services = IdentityServices(
        register_user=RegisterUser(idempotency, hasher, throttling),
        log_in=LogIn(database, hasher, throttling, refresh_tokens, keys, lifetimes),
        refresh_session=RefreshSession(
            database, refresh_tokens, keys, lifetimes, grace=settings.identity_refresh_grace
        ),
        log_out=LogOut(database, refresh_tokens),
        own_sessions=OwnSessions(database),
        change_password=ChangePassword(database, hasher, confirm_owner),
        erase_account=EraseAccount(database, confirm_owner),
        provision_account=ProvisionAccount(idempotency, hasher),
        read_accounts=ReadAccounts(database),
        change_status=ChangeStatus(database),
        keep_distributor=KeepDistributor(database, hasher),
        keys=keys,
    )
    return Identity(
        services,
        keys,
        key_rotation(settings, database),
        MakeFirstAdmin(database, hasher),
        hasher,
    )


async def api(settings: IdentitySettings) -> Api:
    database = Database(settings.database_url, "identity")
    await database.open()
    identity = compose(settings, database)
    verifier = Verifier(identity.keys, issuer=settings.parlor_issuer, audience=USER_AUDIENCE)

    async def close() -> None:
        identity.hasher.close()
        await database.close()

    return Api(
        public=PUBLIC,
        internal=INTERNAL,
        services=identity.services,
        users=Users(verifier),
        sealer=Sealer(settings.secret_key),
        ready={"database": database.answers, "keys": identity.keys.ready},
        background={"keys": _prepare_and_refresh(settings, identity)},
        close=close,
    )


def _prepare_and_refresh(
    settings: IdentitySettings, identity: Identity
) -> Callable[[], Coroutine[Any, Any, None]]:
    """First things that need the database, tried until it is there; then the keys kept fresh."""

    async def prepare() -> None:
        await identity.rotate_keys.ensure_one()
        email, password = settings.parlor_admin_email, settings.parlor_admin_password
        if email is not None and password is not None:
            await identity.make_first_admin(email, password.get_secret_value())

    async def run() -> None:
        while True:
            try:
                await prepare()
                break
            except DependencyUnavailable as fault:
                log.warning("start.waiting", fault=fault.detail)
                await asyncio.sleep(1)
        await identity.keys.refresh()

    return run


async def worker(settings: IdentitySettings) -> Worker:
    database = Database(settings.database_url, "identity", pool=4)
    await database.open()
    schemas = Schemas(settings.parlor_schemas_dir)
    relay = Relay(database, schemas, settings.brokers)
    consumer = Consumer("identity", inbox(settings, database, schemas), schemas, settings.brokers)
    prune = PruneExpired(database)
    rotation = key_rotation(settings, database)
    return Worker(
        background={
            "relay": relay.run,
            "consumer": consumer.run,
            "prune-inbox": lambda: every(_DAY, "prune-inbox", lambda: prune_inbox(database)),
            "prune": lambda: every(_PRUNE_SECONDS, "prune", prune),
            "keys": lambda: every(_PRUNE_SECONDS, "keys", rotation.forget_superseded),
        },
        ready={"database": database.answers},
        close=database.close,
    )


def inbox(_: IdentitySettings, database: Database, schemas: Schemas) -> Inbox:
    """How events are applied; also what replays dead letters."""
    return Inbox(database, schemas, REACTS_TO)


_WITHDRAWN = (
    "The withdrawn keys are void in identity within seconds and in other services within a minute. "
    "A service that cannot ask identity for its keys goes on trusting them for an hour at most: "
    "restart it if that is too long."
)


async def rotate_keys(settings: IdentitySettings, arguments: list[str]) -> int:
    """`rotate-keys [--retire]`: 0 when there is a new key, 2 for anything else on the line."""
    if arguments not in ([], ["--retire"]):
        print("usage: python -m parlor_identity rotate-keys [--retire]")  # noqa: T201
        return 2
    database = Database(settings.database_url, "identity", pool=2)
    await database.open()
    try:
        rotation = key_rotation(settings, database)
        kid = await (rotation.withdraw() if arguments else rotation.rotate())
    finally:
        await database.close()
    if arguments:
        print(_WITHDRAWN, file=sys.stderr)  # noqa: T201
    print(kid)  # noqa: T201
    return 0

"""The composition root: settings to ports to use cases to what a process runs."""

from parlor_kit.consumer import Consumer, Inbox, prune_inbox
from parlor_kit.database import Database
from parlor_kit.events import Schemas
from parlor_kit.idempotency import Idempotency
from parlor_kit.internal import InternalClient
from parlor_kit.jobs import every
from parlor_kit.jwks import KeySet
from parlor_kit.principal import USER_AUDIENCE, Users
from parlor_kit.process import Api, Worker
from parlor_kit.relay import Relay
from parlor_kit.sealing import Sealer
from parlor_kit.tokens import Verifier

from parlor_customer.adapters.identity_directory import IdentityDirectory
from parlor_customer.consumers import REACTS_TO
from parlor_customer.routes import INTERNAL, PUBLIC
from parlor_customer.settings import CustomerSettings
from parlor_customer.usecases import UseCases
from parlor_customer.usecases.accounts import Accounts
from parlor_customer.usecases.check_entitlement import CheckEntitlement
from parlor_customer.usecases.create_invite import CreateInvite
from parlor_customer.usecases.end_relationship import EndRelationship
from parlor_customer.usecases.list_invites import ListInvites
from parlor_customer.usecases.redeem_invite import RedeemInvite
from parlor_customer.usecases.revoke_invite import RevokeInvite
from parlor_customer.usecases.view_relationships import ViewRelationships

_DAY = 24 * 3600


async def api(settings: CustomerSettings) -> Api:
    """The api process."""
    database = Database(settings.database_url, "customer")
    await database.open()
    keys = KeySet(settings.parlor_jwks_url)
    await keys.start()
    identity = InternalClient(
        "identity",
        settings.parlor_identity_url,
        settings.parlor_credentials_dir,
        timeout=settings.customer_identity_timeout,
    )
    sealer = Sealer(settings.secret_key)
    accounts = Accounts(database, IdentityDirectory(identity))

    async def close() -> None:
        await identity.close()
        await keys.close()
        await database.close()

    async def has_keys() -> bool:
        return keys.loaded

    return Api(
        public=PUBLIC,
        internal=INTERNAL,
        services=UseCases(
            idempotency=Idempotency(database, sealer),
            create_invite=CreateInvite(accounts),
            list_invites=ListInvites(),
            revoke_invite=RevokeInvite(),
            redeem_invite=RedeemInvite(accounts),
            view_relationships=ViewRelationships(database),
            end_relationship=EndRelationship(database),
            check_entitlement=CheckEntitlement(database),
        ),
        users=Users(Verifier(keys, issuer=settings.parlor_issuer, audience=USER_AUDIENCE)),
        sealer=sealer,
        ready={"database": database.answers, "keys": has_keys},
        close=close,
    )


async def worker(settings: CustomerSettings) -> Worker:
    """The worker process: carries events to Kafka, follows identity's accounts."""
    database = Database(settings.database_url, "customer")
    await database.open()
    schemas = Schemas(settings.parlor_schemas_dir)
    relay = Relay(database, schemas, settings.brokers)
    consumer = Consumer("customer", inbox(settings, database, schemas), schemas, settings.brokers)

    async def prune() -> None:
        await every(_DAY, "prune-inbox", lambda: prune_inbox(database))

    return Worker(
        background={"relay": relay.run, "consumer": consumer.run, "prune-inbox": prune},
        ready={"database": database.answers},
        close=database.close,
    )


def inbox(_: CustomerSettings, database: Database, schemas: Schemas) -> Inbox:
    """How events are applied; also what replays dead letters."""
    return Inbox(database, schemas, REACTS_TO)

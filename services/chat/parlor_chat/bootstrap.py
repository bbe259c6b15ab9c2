"""Composition root of chat: settings to ports to use cases, once a process."""

from parlor_kit.consumer import Consumer, Inbox, prune_inbox
from parlor_kit.database import Database
from parlor_kit.events import Schemas
from parlor_kit.feed import LiveFeed
from parlor_kit.hub import Hub
from parlor_kit.idempotency import Idempotency
from parlor_kit.internal import InternalClient
from parlor_kit.jobs import every
from parlor_kit.jwks import KeySet
from parlor_kit.principal import USER_AUDIENCE, Users
from parlor_kit.process import Api, Worker
from parlor_kit.relay import Relay
from parlor_kit.sealing import Sealer
from parlor_kit.tokens import Verifier

from parlor_chat import live_feed, routes
from parlor_chat.adapters.customer_entitlements import CustomerEntitlements
from parlor_chat.adapters.stream_source import StreamSource
from parlor_chat.adapters.stream_writer import StreamWriter
from parlor_chat.consumers import reactions
from parlor_chat.settings import ChatSettings
from parlor_chat.usecases.audit_heads import SignAuditHead
from parlor_chat.usecases.build_exports import BuildExports
from parlor_chat.usecases.change_message import ChangeMessage
from parlor_chat.usecases.chat_services import ChatServices
from parlor_chat.usecases.close_case import CloseCase
from parlor_chat.usecases.count_cases import CountCases
from parlor_chat.usecases.create_conversation import CreateConversation
from parlor_chat.usecases.erase_messages import EraseMessages
from parlor_chat.usecases.evidence_keys import EvidenceKeys
from parlor_chat.usecases.expiry_months import make_months
from parlor_chat.usecases.exports import DeleteExports, Exports
from parlor_chat.usecases.give_notices import Notices
from parlor_chat.usecases.handle_case import AssignCase
from parlor_chat.usecases.index_messages import IndexMessages
from parlor_chat.usecases.read_audit import ReadAudit
from parlor_chat.usecases.read_erasure import ReadErasure
from parlor_chat.usecases.read_holds import ReadHolds
from parlor_chat.usecases.recheck_conversations import RecheckDue
from parlor_chat.usecases.record_receipt import RecordReceipt
from parlor_chat.usecases.record_view import RecordView
from parlor_chat.usecases.release_hold import ReleaseHold
from parlor_chat.usecases.restore_hold import RestoreHold
from parlor_chat.usecases.retention_policies import RetentionPolicies
from parlor_chat.usecases.review_conversation import ReviewConversation
from parlor_chat.usecases.run_archive_expiry import Periods, RunArchiveExpiry
from parlor_chat.usecases.search_messages import SearchMessages
from parlor_chat.usecases.send_message import SendMessage
from parlor_chat.usecases.socket_access import SocketAccess, prune_tickets
from parlor_chat.usecases.upsert_hold import OrphanHold, ReportHold, UpsertHold
from parlor_chat.usecases.view_cases import ViewCases
from parlor_chat.usecases.view_conversations import ViewConversations
from parlor_chat.usecases.view_expiry_runs import ExpiryRuns


async def api(settings: ChatSettings) -> Api:
    """The api process: routes, sockets, and the feed that wakes sockets for other replicas."""
    database = Database(settings.database_url, "chat")
    await database.open()
    keys = KeySet(settings.parlor_jwks_url)
    users = Users(Verifier(keys, issuer=settings.parlor_issuer, audience=USER_AUDIENCE))
    sealer = Sealer(settings.secret_key)
    idempotency = Idempotency(database, sealer)
    customer = _customer(settings)
    hub = Hub(StreamSource(database))
    writer = StreamWriter(database, hub)
    evidence_keys = EvidenceKeys(database, settings.signer)
    sign_audit_head = SignAuditHead(database, settings.signer, evidence_keys)
    feed = LiveFeed(
        settings.brokers,
        live_feed.TOPICS,
        wanted=live_feed.wanted(hub),
        on_event=live_feed.on_event(hub),
    )
    services = ChatServices(
        hub=hub,
        idempotency=idempotency,
        create_conversation=CreateConversation(idempotency, CustomerEntitlements(customer)),
        view_conversations=ViewConversations(database),
        send_message=SendMessage(writer),
        change_message=ChangeMessage(database, settings.chat_edit_window, hub.wake),
        record_receipt=RecordReceipt(writer),
        socket_access=SocketAccess(database, idempotency, users),
        notices=Notices(database),
        view_cases=ViewCases(database),
        assign_case=AssignCase(database),
        close_case=CloseCase(database, hub.wake),
        search_messages=SearchMessages(database, sealer),
        review_conversation=ReviewConversation(database),
        release_hold=ReleaseHold(database, settings.chat_release_grace),
        restore_hold=RestoreHold(database),
        read_holds=ReadHolds(database),
        upsert_hold=UpsertHold(database, settings.chat_release_grace),
        orphan_hold=OrphanHold(database),
        report_hold=ReportHold(database),
        run_archive_expiry=_expiry(settings, database, evidence_keys, sign_audit_head),
        expiry_runs=ExpiryRuns(database),
        retention_policies=RetentionPolicies(database, _periods(settings)),
        read_audit=ReadAudit(database, settings.signer, sign_audit_head),
        evidence_keys=evidence_keys,
        record_view=RecordView(database),
        exports=Exports(database),
        read_erasure=ReadErasure(database),
    )

    async def close() -> None:
        await services.run_archive_expiry.close()
        await writer.close()
        await customer.close()
        await keys.close()
        await database.close()

    async def keys_loaded() -> bool:
        return keys.loaded

    await keys.start()
    return Api(
        public=routes.PUBLIC,
        internal=routes.INTERNAL,
        services=services,
        users=users,
        sealer=sealer,
        ready={"database": database.answers, "keys": keys_loaded},
        background={"feed": feed.run, "keep-level": hub.keep_level},
        hub=hub,
        close=close,
    )


def inbox(settings: ChatSettings, database: Database, schemas: Schemas) -> Inbox:
    """The inbox with every reaction of chat; also what a replay of dead letters goes through."""
    return Inbox(database, schemas, reactions(CustomerEntitlements(_customer(settings))))


async def worker(settings: ChatSettings) -> Worker:
    """The worker process: relay, consumer, periodic jobs."""
    schemas = Schemas(settings.parlor_schemas_dir)
    database = Database(settings.database_url, "chat")
    await database.open()
    customer = _customer(settings)
    entitlements = CustomerEntitlements(customer)
    relay = Relay(database, schemas, settings.brokers)
    consumer = Consumer(
        "chat",
        Inbox(database, schemas, reactions(entitlements)),
        schemas,
        settings.brokers,
    )
    recheck = RecheckDue(database, entitlements)
    evidence_keys = EvidenceKeys(database, settings.signer)
    sign_audit_head = SignAuditHead(database, settings.signer, evidence_keys)
    index_messages = IndexMessages(database)
    build_exports = BuildExports(
        database,
        settings.signer,
        settings.chat_export_keep,
        before_signing=evidence_keys.introduce,
    )
    delete_exports = DeleteExports(database)
    erase_messages = EraseMessages(database)
    count_cases = CountCases(database)

    expiry = _expiry(settings, database, evidence_keys, sign_audit_head)

    async def close() -> None:
        await expiry.close()
        await customer.close()
        await database.close()

    return Worker(
        background={
            "relay": relay.run,
            "consumer": consumer.run,
            "recheck": lambda: every(2, "recheck", recheck),
            "make-months": lambda: every(3600, "make-months", lambda: make_months(database)),
            "resume-expiry": lambda: every(30, "resume-expiry", expiry.resume),
            "audit-heads": lambda: every(60, "audit-heads", sign_audit_head),
            "index-messages": lambda: every(1, "index-messages", index_messages),
            "prune-tickets": lambda: every(60, "prune-tickets", lambda: prune_tickets(database)),
            "build-exports": lambda: every(2, "build-exports", build_exports),
            "erase-messages": lambda: every(2, "erase-messages", erase_messages),
            "count-cases": lambda: every(15, "count-cases", count_cases),
            "delete-exports": lambda: every(60, "delete-exports", delete_exports),
            "prune-inbox": lambda: every(3600, "prune-inbox", lambda: prune_inbox(database)),
        },
        ready={"database": database.answers},
        close=close,
    )


def _periods(settings: ChatSettings) -> Periods:
    return Periods(
        settings.chat_archive_after, settings.chat_expire_after, early=settings.chat_early_expiry
    )


def _expiry(
    settings: ChatSettings, database: Database, keys: EvidenceKeys, sign_head: SignAuditHead
) -> RunArchiveExpiry:
    return RunArchiveExpiry(
        database,
        Idempotency(database, Sealer(settings.secret_key)),
        _periods(settings),
        settings.signer,
        before_signing=keys.introduce,
        after_run=sign_head,
    )


def _customer(settings: ChatSettings) -> InternalClient:
    return InternalClient("customer", settings.parlor_customer_url, settings.parlor_credentials_dir)

"""Composition root of chat: settings to ports to use cases, once a process."""

from parlor_kit.consumer import Consumer, Inbox, prune_inbox
from parlor_kit.database import Database
from parlor_kit.events import Schemas
from parlor_kit.jobs import every
from parlor_kit.process import Worker
from parlor_kit.relay import Relay

from parlor_chat.settings import ChatSettings


def inbox(settings: ChatSettings, database: Database, schemas: Schemas) -> Inbox:
    """The inbox with every reaction of chat; also what a replay of dead letters goes through."""
    return Inbox(database, schemas, {})


async def worker(settings: ChatSettings) -> Worker:
    """The worker process: relay, consumer, periodic jobs."""
    schemas = Schemas(settings.parlor_schemas_dir)
    database = Database(settings.database_url, "chat")
    await database.open()
    relay = Relay(database, schemas, settings.parlor_kafka_bootstrap)
    consumer = Consumer(
        "chat", inbox(settings, database, schemas), schemas, settings.parlor_kafka_bootstrap
    )
    return Worker(
        background={
            "relay": relay.run,
            "consumer": consumer.run,
            "prune-inbox": lambda: every(3600, "prune-inbox", lambda: prune_inbox(database)),
        },
        ready={"database": database.answers},
        close=database.close,
    )

"""The relay: every committed event reaches Kafka in the order of its stream, whatever dies."""

import asyncio
import base64
import os
import signal
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from factories.event_map import TYPE, EventMap, event_map
from factories.polling import until, until_true
from factories.running import running
from factories.topics import records
from parlor_dev.kafka import KafkaBroker
from parlor_dev.ports import PortReservations
from parlor_dev.roles import DatabaseAccess
from parlor_kit import metrics, outbox
from parlor_kit import relay as relay_module
from parlor_kit.database import Database
from parlor_kit.events import Event
from parlor_kit.kafka import Brokers
from parlor_kit.parked import ParkedEvents
from parlor_kit.relay import Relay

pytestmark = pytest.mark.integration

_DELETING = """
SELECT pid FROM pg_stat_activity
WHERE query LIKE '%DELETE FROM outbox%' AND state = 'active' AND wait_event_type = 'Lock'
  AND datname = current_database() AND pid <> pg_backend_pid()
"""


async def publish(database: Database, *events: Event) -> None:
    async with database.transaction() as transaction:
        for event in events:
            transaction.publish(event)


async def publish_apart(connection: asyncpg.Connection, *events: Event) -> None:
    """The same on a session of its own, inside or outside of what else is going on."""
    async with connection.transaction():
        await outbox.append(connection, events)


async def pending(rows: asyncpg.Connection) -> int:
    return int(await rows.fetchval("SELECT count(*) FROM outbox WHERE error IS NULL"))


async def carried(rows: asyncpg.Connection, seconds: float = 20) -> None:
    async def empty() -> bool:
        return await pending(rows) == 0

    await until_true(empty, seconds)


def numbers_by_key(found: list[dict[str, Any]]) -> dict[str, list[int]]:
    numbers = defaultdict(list)
    for event in found:
        numbers[event["subject"]].append(event["data"]["number"])
    return dict(numbers)


async def test_each_stream_keeps_its_order(
    database: Database, rows: asyncpg.Connection, kafka_bootstrap: str, tmp_path: Path
) -> None:
    things = event_map(tmp_path, partitions=3)
    await things.make_topics(kafka_bootstrap)
    await publish(database, *(things.event(n, key) for n in range(40) for key in "abc"))
    async with running(Relay(database, things.schemas, Brokers(kafka_bootstrap)).run()):
        for number in range(40, 60):
            await publish(database, *(things.event(number, key) for key in "cab"))
        await carried(rows)
    found = numbers_by_key(await records(kafka_bootstrap, things.topic))
    assert found == {key: list(range(60)) for key in "abc"}


async def test_an_event_is_a_cloud_event(
    database: Database, rows: asyncpg.Connection, kafka_bootstrap: str, things: EventMap
) -> None:
    event = things.event(7, "stream-1", padding="ö")
    async with running(Relay(database, things.schemas, Brokers(kafka_bootstrap)).run()):
        await publish(database, event)
        await carried(rows)
    (found,) = await records(kafka_bootstrap, things.topic)
    assert len(found.pop("requestid")) == 32
    assert found.pop("traceparent").startswith("00-")
    assert found.pop("time").endswith("Z")
    assert found == {
        "specversion": "1.0",
        "id": str(event.id),
        "source": f"parlor/{things.topic.partition('.')[0]}",
        "type": TYPE,
        "subject": "stream-1",
        "datacontenttype": "application/json",
        "dataschema": f"parlor:{TYPE}.v1",
        "data": {"number": 7, "padding": "ö"},
    }


async def test_what_can_never_be_sent_is_parked_and_the_rest_goes_on(
    database: Database, rows: asyncpg.Connection, kafka_bootstrap: str, things: EventMap
) -> None:
    await publish(
        database,
        things.event(1),
        Event(things.topic, TYPE, "a", {"number": "two"}),
        Event(things.topic, "thing.unheard_of", "a", {"number": 3}),
        Event("nobodys.events", TYPE, "a", {"number": 4}),
        things.event(5, padding="x" * 2_000_000),
        things.event(6),
    )
    await rows.execute(
        "INSERT INTO outbox (event_id, topic, key, type, data, time) "
        "SELECT gen_random_uuid(), topic, key, type, 'no json', time FROM outbox LIMIT 1"
    )
    await publish(database, things.event(8))
    async with running(Relay(database, things.schemas, Brokers(kafka_bootstrap)).run()):
        await carried(rows)
    found = numbers_by_key(await records(kafka_bootstrap, things.topic))
    assert found == {"a": [1, 6, 8]}
    parked = [row["error"] for row in await rows.fetch("SELECT error FROM outbox ORDER BY id")]
    assert len(parked) == 5
    assert all(parked)


async def test_a_parked_event_is_shown_and_goes_once_its_fault_is_mended(
    database: Database, rows: asyncpg.Connection, kafka_bootstrap: str, things: EventMap
) -> None:
    await publish(database, things.event(1), Event(things.topic, TYPE, "a", {"number": "two"}))
    parked = ParkedEvents(database)
    async with running(Relay(database, things.schemas, Brokers(kafka_bootstrap)).run()):
        await carried(rows)
        (shown,) = await parked.waiting()
        assert (shown.topic, shown.key, shown.outcome) == (
            f"outbox of {things.topic}",
            "a",
            "parked",
        )
        assert shown.error
        assert len(await parked.give_back()) == 1
        await carried(rows)
        assert await parked.waiting() == [shown]  # still broken, so it was parked again
        await rows.execute("UPDATE outbox SET data = $1", '{"number": 2}')
        assert len(await parked.give_back()) == 1
        await carried(rows)
    assert await parked.waiting() == []
    found = numbers_by_key(await records(kafka_bootstrap, things.topic))
    assert found == {"a": [1, 2]}


async def test_the_gauge_counts_what_waits_while_there_is_no_broker(
    database: Database,
    rows: asyncpg.Connection,
    things: EventMap,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_module, "_MEASURE_SECONDS", 0.05)

    def told() -> float:
        (sample,) = next(iter(metrics.OUTBOX_PENDING.collect())).samples
        return sample.value

    async with running(Relay(database, things.schemas, Brokers("127.0.0.1:1")).run()):
        await publish(database, *(things.event(number) for number in range(1500)))
        await until(lambda: told() == 1500, seconds=20)
        await rows.execute("DELETE FROM outbox")
        await until(lambda: told() == 0, seconds=20)


async def test_a_row_that_commits_late_with_a_smaller_id_is_not_passed_over(
    database: Database, rows: asyncpg.Connection, kafka_bootstrap: str, things: EventMap
) -> None:
    async with running(Relay(database, things.schemas, Brokers(kafka_bootstrap)).run()):
        async with database.transaction() as slow:
            slow.publish(things.event(1, "late"))
            await slow.flush()  # its id is taken, and nobody can see it yet
            await publish_apart(rows, things.event(1, "early"))
            await carried(rows)
        await carried(rows)
    found = numbers_by_key(await records(kafka_bootstrap, things.topic))
    assert found == {"early": [1], "late": [1]}


# The relay's lock in this database; pg_locks shows those of the whole server.
_LEADING = (
    "locktype = 'advisory' AND granted AND pid <> pg_backend_pid() "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


async def test_one_relay_works_and_another_takes_over(
    database: Database, rows: asyncpg.Connection, kafka_bootstrap: str, things: EventMap
) -> None:
    schemas = things.schemas
    async with running(Relay(database, schemas, Brokers(kafka_bootstrap)).run()):
        async with running(Relay(database, schemas, Brokers(kafka_bootstrap)).run()):
            await publish(database, *(things.event(number) for number in range(5)))
            await carried(rows)
            leaders = await rows.fetchval(f"SELECT count(*) FROM pg_locks WHERE {_LEADING}")
            assert leaders == 1
        await publish(database, things.event(5))
        await carried(rows)
    assert numbers_by_key(await records(kafka_bootstrap, things.topic)) == {"a": list(range(6))}


async def test_a_relay_whose_session_the_server_ends_goes_on(
    database: Database, rows: asyncpg.Connection, kafka_bootstrap: str, things: EventMap
) -> None:
    async with running(Relay(database, things.schemas, Brokers(kafka_bootstrap)).run()):
        await publish(database, things.event(0))
        await carried(rows)
        await rows.execute(f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE {_LEADING}")
        await publish(database, things.event(1))
        await carried(rows)
    assert numbers_by_key(await records(kafka_bootstrap, things.topic)) == {"a": [0, 1]}


async def test_events_wait_for_a_broker_that_is_away_and_then_go_in_order(
    database: Database, rows: asyncpg.Connection, tmp_path: Path
) -> None:
    things, ports = event_map(tmp_path), PortReservations()
    broker = KafkaBroker(
        tmp_path / "kafka",
        port=ports.take(),
        controller_port=ports.take(),
        log=tmp_path / "kafka.log",
        pid_file=tmp_path / "kafka.json",
    )
    try:
        await publish(database, *(things.event(number) for number in range(3)))
        async with running(
            Relay(database, things.schemas, Brokers(broker.bootstrap)).run()
        ) as relay:
            await broker.start()
            await things.make_topics(broker.bootstrap)
            await carried(rows, 30)
            await broker.stop()
            await publish(database, *(things.event(number) for number in range(3, 6)))
            assert await pending(rows) == 3
            assert not relay.done()
            await broker.start()
            await carried(rows, 60)
        found = numbers_by_key(await records(broker.bootstrap, things.topic))["a"]
        # A send whose acknowledgement was lost may come twice, but never out of order.
        assert list(dict.fromkeys(found)) == list(range(6))
    finally:
        await broker.stop()
        ports.close()


async def test_a_relay_killed_between_publish_and_delete_repeats_the_same_event(
    database: Database,
    database_access: DatabaseAccess,
    rows: asyncpg.Connection,
    kafka_bootstrap: str,
    things: EventMap,
) -> None:
    events = [things.event(number) for number in range(3)]
    await publish(database, *events)

    async def deleting() -> bool:
        return bool(await rows.fetchval(f"SELECT EXISTS ({_DELETING})"))

    async def gone() -> bool:
        return not await deleting()

    locker = await asyncpg.connect(database_access.app_url)
    worker = await _start_worker(database_access, kafka_bootstrap, things)
    try:
        async with locker.transaction():
            # Whoever deletes a row has to wait for this lock; whoever reads does not.
            assert len(await locker.fetch("SELECT id FROM outbox FOR UPDATE")) == 3
            worker.send_signal(signal.SIGCONT)
            await until_true(deleting, 30)
            assert len(await records(kafka_bootstrap, things.topic)) == 3
            worker.kill()
            await worker.wait()
            # Its host has died with it: the server would otherwise finish the delete for nobody.
            await rows.execute(f"SELECT pg_terminate_backend(pid) FROM ({_DELETING}) AS dead")
            await until_true(gone)
    finally:
        await locker.close()
        if worker.returncode is None:
            worker.kill()
            await worker.wait()
    assert await pending(rows) == 3
    async with running(Relay(database, things.schemas, Brokers(kafka_bootstrap)).run()):
        await carried(rows)
    ids = [event["id"] for event in await records(kafka_bootstrap, things.topic)]
    assert ids == [str(event.id) for event in events] * 2


async def _start_worker(
    access: DatabaseAccess, bootstrap: str, things: EventMap
) -> asyncio.subprocess.Process:
    """A real worker process, stopped before it does anything."""
    environment = {
        "PATH": os.defpath,
        "PARLOR_DATABASE_URL": access.app_url,
        "PARLOR_KAFKA_BOOTSTRAP": bootstrap,
        "PARLOR_SECRET_KEY": base64.urlsafe_b64encode(b"k" * 32).decode(),
        "PARLOR_SCHEMAS_DIR": str(things.folder),
        "PARLOR_HEALTH_PORT": "0",
    }
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "parlor_customer", "worker"),
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    worker.send_signal(signal.SIGSTOP)
    return worker

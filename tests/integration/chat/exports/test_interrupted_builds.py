"""A builder may be killed anywhere, or be too slow: the export comes out once, and whole."""

import asyncio
import json
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from factories.chat_archive import FRESH, Past, converse
from factories.export_desk import ExportDesk, Opened
from factories.polling import until_true
from parlor_chat.signing import Signer
from parlor_kit.database import Database

pytestmark = pytest.mark.integration

_BUILD = """
import asyncio, signal, sys
from datetime import timedelta
from parlor_chat.signing import Signer
from parlor_chat.usecases.build_exports import BuildExports
from parlor_kit.database import Database

async def nothing():
    pass

async def main():
    database = Database(sys.argv[1], "chat")
    await database.open()
    build = BuildExports(
        database, Signer(b"s" * 32), timedelta(days=7), before_signing=nothing, page=5,
        chunk_bytes=3000,
    )
    building = asyncio.ensure_future(build())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, building.cancel)
    print("begins", flush=True)
    await asyncio.wait({building})

asyncio.run(main())
"""


@asynccontextmanager
async def builder_process(database: Database) -> AsyncIterator[asyncio.subprocess.Process]:
    """A builder in a process of its own that has just begun; awaited at the end."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _BUILD, database.url), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    await child.stdout.readline()
    try:
        yield child
    finally:
        async with asyncio.timeout(30):
            await child.wait()


class Unwilling(Signer):
    """Fails when everything else is done."""

    def envelope(self, payload_type: str, payload: bytes) -> dict[str, Any]:
        raise RuntimeError("will not sign")


@pytest.fixture
async def pasts(rows: asyncpg.Connection) -> list[Past]:
    """Conversations of one custodian, short ones and a long one."""
    user = uuid4()
    return [
        await converse(rows, [FRESH] * length, people=(user, uuid4()))
        for length in (3, 60, 1, 12, 0, 30)
    ]


async def ask(desk: ExportDesk, pasts: list[Past]) -> str:
    asked = await desk.ask(custodian_id=str(pasts[0].people[0]))
    assert asked.status == 201
    return str(asked.body["id"])


async def let_the_lease_run_out(rows: asyncpg.Connection) -> None:
    await rows.execute(
        "UPDATE exports SET leased_until = now() - interval '1 second' WHERE state = 'building'"
    )


def assert_whole(opened: Opened, pasts: list[Past]) -> None:
    for past in pasts:
        lines = opened.lines(past.id)
        assert [line["body"] for line in lines] == list(past.texts)
        page = opened.archive.read(f"conversations/{past.id}/conversation.html").decode()
        assert all(text in page for text in past.texts)
    names = opened.archive.namelist()
    assert len(names) == len(set(names))
    assert sum(name.endswith(".eml") for name in names) == sum(len(past.texts) for past in pasts)
    listed = {each["path"] for each in json.loads(opened.archive.read("manifest.json"))["files"]}
    assert listed == set(names) - {"manifest.json", "manifest.dsse.json"}


async def test_builders_killed_at_random_leave_nothing_twice_and_nothing_out(
    desk: ExportDesk, pasts: list[Past], database: Database, rows: asyncpg.Connection
) -> None:
    export_id = await ask(desk, pasts)
    for _ in range(5):
        async with builder_process(database) as child:
            await asyncio.sleep(random.uniform(0, 0.3))
            with suppress(ProcessLookupError):  # it was faster, and is done
                child.send_signal(signal.SIGKILL)
        await let_the_lease_run_out(rows)
        await rows.execute("UPDATE exports SET attempts = 0")
    build = desk.builder(page=5, chunk_bytes=3000)

    async def built() -> bool:
        # The last statement of a killed builder may commit now, and renew its lease once more.
        await let_the_lease_run_out(rows)
        await build()
        return bool((await desk.get(f"/{export_id}")).body["state"] == "ready")

    await until_true(built)
    assert_whole(await desk.download(export_id), pasts)


async def test_two_builders_build_each_export_once(
    desk: ExportDesk, pasts: list[Past], rows: asyncpg.Connection
) -> None:
    ids = [await ask(desk, pasts) for _ in range(3)]
    await asyncio.gather(*(desk.builder()() for _ in range(3)))
    for export_id in ids:
        assert_whole(await desk.download(export_id), pasts)
    ends = await rows.fetchval(
        "SELECT count(*) FROM audit_records WHERE action = 'export.finished'"
    )
    assert ends == 3


async def test_a_builder_whose_lease_is_lost_writes_nothing_more(
    desk: ExportDesk, pasts: list[Past], rows: asyncpg.Connection
) -> None:
    export_id = await ask(desk, pasts)
    slow = asyncio.create_task(desk.builder(page=1, chunk_bytes=500)())

    async def under_way() -> bool:
        return bool(await rows.fetchval("SELECT EXISTS (SELECT FROM export_chunks)"))

    await until_true(under_way)
    first = await rows.fetchval("SELECT builder FROM exports")
    await let_the_lease_run_out(rows)
    fast = desk.builder()
    claim = await fast._claim()
    if claim is None:  # the slow one was fast, and is done
        await slow
    else:
        assert claim.builder != first
        await slow  # it finds its lease lost, and says so in the log alone
        await fast._build(claim)
    assert_whole(await desk.download(export_id), pasts)


async def test_what_cannot_be_built_is_given_up_after_some_attempts(
    desk: ExportDesk, rows: asyncpg.Connection
) -> None:
    past = await converse(rows, [FRESH])
    asked = await desk.ask(conversation_id=str(past.id))
    broken = replace(desk, signer=Unwilling(b"s" * 32))
    for _ in range(6):  # the first got further than any before
        with pytest.raises(RuntimeError, match="will not sign"):
            await broken.builder()()
    await desk.builder()()
    view = (await desk.get(f"/{asked.body['id']}")).body
    assert view["state"] == "failed"
    refused = await desk.get(f"/{asked.body['id']}/download")
    assert (refused.status, refused.code) == (409, "export_failed")


async def test_a_stopping_builder_hands_its_export_over_at_once(
    desk: ExportDesk, pasts: list[Past], database: Database, rows: asyncpg.Connection
) -> None:
    export_id = await ask(desk, pasts)
    async with builder_process(database) as child:

        async def under_way() -> bool:
            return bool(await rows.fetchval("SELECT EXISTS (SELECT FROM export_chunks)"))

        await until_true(under_way, 20)
        with suppress(ProcessLookupError):  # it was faster, and is done
            child.send_signal(signal.SIGTERM)
    state = await rows.fetchrow("SELECT state, attempts FROM exports")
    assert state is not None
    assert (state["state"], state["attempts"]) in {("pending", 0), ("ready", 0), ("ready", 1)}
    await desk.builder()()
    assert_whole(await desk.download(export_id), pasts)

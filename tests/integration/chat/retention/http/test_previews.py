"""Previews, progress, cancelling, and the signed chain of runs, through the routes of admins."""

from pathlib import Path

import asyncpg
import orjson
import pytest
from factories.chat_archive import ANCIENT, FRESH, OLD, converse, retained
from factories.moderation_desk import Desk
from factories.running_api import Reply
from parlor_verify.manifest import verify_manifest

pytestmark = pytest.mark.integration

NOWHERE = "0197a000-0000-7000-8000-00000000dead"


async def everything(desk: Desk, path: str) -> list[dict[str, object]]:
    """All items of a list, two a page."""
    items: list[dict[str, object]] = []
    cursor = ""
    while True:
        page = (await desk.runs(f"{path}{'&' if '?' in path else '?'}limit=2{cursor}")).body
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


async def test_a_dry_run_lists_what_would_go_and_what_each_hold_keeps(
    desk: Desk, rows: asyncpg.Connection
) -> None:
    gone, kept = [await converse(rows, [ANCIENT] * 3 + [OLD, FRESH]) for _ in range(2)]
    holds = [(await desk.hold(kept.id, matter)).body["id"] for matter in ("M-1", "M-2")]
    run = (await desk.expire(dry_run=True)).body
    decisions = await everything(desk, f"/{run['run_id']}/decisions")
    manifest = (await desk.runs(f"/{run['run_id']}/manifest")).body.splitlines()
    assert [orjson.loads(line) for line in manifest] == [
        {name: value for name, value in each.items() if value not in (None, [])}
        for each in decisions
    ]
    expired = await everything(desk, f"/{run['run_id']}/decisions?action=expired")
    assert [each["conversation_id"] for each in expired] == [str(gone.id)] * 3
    (of_kept,) = await everything(
        desk, f"/{run['run_id']}/decisions?action=held&conversation_id={kept.id}"
    )
    assert of_kept["holds"] == sorted(holds)
    assert (of_kept["messages"], of_kept["first_seq"], of_kept["last_seq"]) == (3, 1, 3)
    by_hold = await everything(desk, f"/{run['run_id']}/kept")
    assert [each["id"] for each in by_hold] == sorted(holds)
    for each in by_hold:
        assert (each["kind"], each["conversations"], each["messages"]) == ("hold", 1, 3)
    assert {each["matter"] for each in by_hold} == {"M-1", "M-2"}
    assert [await retained(rows, past.id) for past in (gone, kept)] == [5, 5]


async def test_a_run_tells_its_progress(desk: Desk, rows: asyncpg.Connection) -> None:
    await converse(rows, [ANCIENT] * 2 + [OLD] * 2)
    run = (await desk.expire()).body
    progress = (await desk.runs(f"/{run['run_id']}")).body["progress"]
    assert progress["months"] == progress["months_done"] > 3
    assert (progress["months_dropped"], progress["percent"]) == (1, 100)


async def test_an_ended_run_cannot_be_cancelled_any_more(desk: Desk) -> None:
    run = (await desk.expire()).body
    reply = await cancel(desk, run["run_id"])
    assert (reply.status, reply.body) == (200, run)
    assert (await cancel(desk, NOWHERE)).status == 404


async def test_the_chain_of_runs_is_verified_offline(
    desk: Desk, rows: asyncpg.Connection, tmp_path: Path
) -> None:
    files = []
    for _ in range(3):
        await converse(rows, [ANCIENT] * 2 + [OLD])
        await desk.expire(dry_run=True)
        run = (await desk.expire()).body
        manifest = (await desk.runs(f"/{run['run_id']}/manifest")).body
        files.append(tmp_path / f"{run['run_id']}.ndjson")
        files[-1].write_bytes(manifest)
    chain = tmp_path / "chain.ndjson"
    chain.write_bytes((await admin(desk, "/archive-expiry/chain")).body)
    keys, audit = tmp_path / "keys.json", tmp_path / "audit.ndjson"
    signer = desk.served.api.services.run_archive_expiry.signer
    keys.write_bytes(orjson.dumps({"keys": [signer.public_key.jwk]}))
    audit.write_bytes((await desk.audit("/export", reason="a check")).body)
    arguments = [str(chain), *map(str, files), "--keys", str(keys), "--audit", str(audit)]
    assert verify_manifest(arguments) == 0
    files[0].write_bytes(files[0].read_bytes().replace(b'"seq":1}', b'"seq":2}'))
    assert verify_manifest(arguments) == 1
    assert len(chain.read_bytes().splitlines()) == 3


async def test_only_admins_may_look_at_runs_or_cancel_them(desk: Desk) -> None:
    run = (await desk.expire(dry_run=True)).body["run_id"]
    for path in ("", "/decisions", "/kept", "/manifest"):
        reply = await desk.runs(f"/{run}{path}", desk.moderator)
        assert (reply.status, reply.code) == (403, "forbidden")
    reply = await desk.served.public.call(
        "POST",
        f"/api/v1/admin/archive-expiry/runs/{run}/cancel",
        headers=desk.moderator.authorization,
    )
    assert (reply.status, reply.code) == (403, "forbidden")


async def admin(desk: Desk, path: str) -> Reply:
    return await desk.served.public.call(
        "GET", f"/api/v1/admin{path}", headers=desk.admin.authorization
    )


async def cancel(desk: Desk, run_id: str) -> Reply:
    return await desk.served.public.call(
        "POST",
        f"/api/v1/admin/archive-expiry/runs/{run_id}/cancel",
        headers=desk.admin.authorization,
    )

"""Archive expiry: started by admins and by the scheduled job, looked up by admins."""

from parlor_kit.answers import Answer, StreamedAnswer
from parlor_kit.routing import Call

from parlor_chat.api.recorded import recorded
from parlor_chat.api.retention_schemas import RunPage, RunView
from parlor_chat.retention_models import RunState
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.chat_services import ChatServices
from parlor_chat.usecases.run_archive_expiry import RunOrder


async def run_archive_expiry(call: Call[ChatServices]) -> Answer:
    """Archive and expire old messages; 202 when the run outlasts the request, and goes on."""
    body = call.body
    order = RunOrder(body.dry_run, body.conversation_ids, body.archive_after, body.expire_after)
    return await _run(call, Actor.user(call.user), order)


async def run_scheduled_archive_expiry(call: Call[ChatServices]) -> Answer:
    """Archive and expire old messages, as the scheduled job."""
    return await _run(call, Actor.service(call.service), RunOrder(call.body.dry_run))


async def _run(call: Call[ChatServices], actor: Actor, order: RunOrder) -> Answer:
    run = await call.app.run_archive_expiry(actor, order, call.idempotency_key)
    return Answer(202 if run.state is RunState.RUNNING else 200, RunView.of(run))


@recorded("archive_expiry.listed")
async def list_archive_expiry_runs(call: Call[ChatServices]) -> Answer:
    """List the runs of archive expiry, newest first."""
    runs, more = await call.app.expiry_runs.page(call.query.limit, call.query.cursor)
    return Answer(200, RunPage(items=[RunView.of(run) for run in runs], next_cursor=more))


@recorded("archive_expiry.viewed")
async def read_archive_expiry_run(call: Call[ChatServices]) -> Answer:
    """Say how a run of archive expiry stands."""
    return Answer(200, RunView.of(await call.app.expiry_runs.get(call.id("run_id"))))


@recorded("archive_expiry.manifest_exported")
async def read_archive_expiry_manifest(call: Call[ChatServices]) -> StreamedAnswer:
    """Download what a run archived, expired and kept, one canonical JSON line a decision."""
    run = await call.app.expiry_runs.get(call.id("run_id"))
    name = f"archive-expiry-{run.id}{'-dry-run' if run.dry_run else ''}.ndjson"
    return StreamedAnswer(
        "application/x-ndjson",
        call.app.expiry_runs.manifest(run.id),
        {"content-disposition": f'attachment; filename="{name}"'},
    )

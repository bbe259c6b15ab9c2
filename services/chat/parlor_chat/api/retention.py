"""Archive expiry: started by admins and by the scheduled job, looked up by admins."""

from parlor_kit.answers import Answer, StreamedAnswer
from parlor_kit.routing import Call

from parlor_chat.api.expiry_schemas import DecisionPage, DecisionView, KeptPage, KeptView
from parlor_chat.api.recorded import recorded
from parlor_chat.api.retention_schemas import RunPage, RunView
from parlor_chat.retention_models import RunState
from parlor_chat.usecases import expiry_manifests
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


async def cancel_archive_expiry_run(call: Call[ChatServices]) -> Answer:
    """Stop a run of archive expiry after its present batch; what it has deleted stays deleted."""
    actor = Actor.user(call.user)
    run = await call.app.run_archive_expiry.cancel(actor, call.id("run_id"))
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


@recorded("archive_expiry.decisions_viewed")
async def list_archive_expiry_decisions(call: Call[ChatServices]) -> Answer:
    """List what a run archived, expired and kept, or what a dry one would have."""
    query = call.query
    found, more = await call.app.expiry_runs.decisions(
        call.id("run_id"), query.limit, query.cursor, query.filter
    )
    return Answer(
        200, DecisionPage(items=[DecisionView.of(each) for each in found], next_cursor=more)
    )


@recorded("archive_expiry.kept_viewed")
async def list_archive_expiry_kept(call: Call[ChatServices]) -> Answer:
    """List the holds and cases that kept something from a run, and how much each kept."""
    query = call.query
    kept, more = await call.app.expiry_runs.kept(call.id("run_id"), query.limit, query.cursor)
    return Answer(200, KeptPage(items=[KeptView.of(each) for each in kept], next_cursor=more))


@recorded("archive_expiry.chain_exported")
async def export_archive_expiry_chain(call: Call[ChatServices]) -> StreamedAnswer:
    """Download the signed statements about all runs, for `parlor verify-manifest`."""
    return StreamedAnswer(
        "application/x-ndjson",
        expiry_manifests.chain(call.app.expiry_runs.database),
        {"content-disposition": 'attachment; filename="archive-expiry-chain.ndjson"'},
    )


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

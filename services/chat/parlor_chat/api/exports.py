"""Exports: asked for, looked up and downloaded by admins and moderators."""

from parlor_kit.answers import Answer, StreamedAnswer
from parlor_kit.database import Transaction
from parlor_kit.routing import Call

from parlor_chat.api.export_schemas import ExportPage, ExportView
from parlor_chat.api.recorded import recorded
from parlor_chat.usecases.chat_services import ChatServices
from parlor_chat.usecases.request_export import request_export as request


async def request_export(call: Call[ChatServices]) -> Answer:
    """Ask for an export of a matter, a custodian or a conversation; it is built in time."""

    async def work(transaction: Transaction) -> Answer:
        export = await request(transaction, call.user, call.body.order)
        return Answer(201, ExportView.of(export), object_id=export.id)

    return await call.app.idempotency.once(call.idempotency_key, work)


@recorded("export.listed")
async def list_exports(call: Call[ChatServices]) -> Answer:
    """List exports, newest first: an admin sees all, a moderator their own."""
    found, more = await call.app.exports.page(call.user, call.query.limit, call.query.cursor)
    return Answer(200, ExportPage(items=[ExportView.of(each) for each in found], next_cursor=more))


@recorded("export.viewed")
async def get_export(call: Call[ChatServices]) -> Answer:
    """Say how far an export is."""
    return Answer(200, ExportView.of(await call.app.exports.get(call.user, call.id("export_id"))))


async def download_export(call: Call[ChatServices]) -> StreamedAnswer:
    """Download an export as a zip; each download is recorded."""
    export, content = await call.app.exports.download(call.user, call.id("export_id"))
    return StreamedAnswer(
        "application/zip",
        content,
        {
            "content-disposition": f'attachment; filename="export-{export.id}.zip"',
            "content-length": str(export.size_bytes),
            "etag": f'"{export.sha256}"',
            "cache-control": "no-store",
        },
    )

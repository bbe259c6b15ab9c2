"""Reports on accounts that were erased, for admins."""

from parlor_kit.answers import Answer
from parlor_kit.routing import Call

from parlor_chat.api.erasure_schemas import ErasureView
from parlor_chat.api.recorded import recorded
from parlor_chat.usecases.chat_services import ChatServices


@recorded("erasure.viewed")
async def read_erasure(call: Call[ChatServices]) -> Answer:
    """Say what became of an erased account: what went, what stays, and what keeps it."""
    return Answer(200, ErasureView.of(await call.app.read_erasure(call.id("account_id"))))

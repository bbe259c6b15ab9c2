"""Reaction to a case that moderators closed: `suspended` disables the account of its subject.

The account loses its sessions at once and the others hear of it as of any disabled account, so
sockets close and games are forfeited by what they do already. It stays disabled until an admin
lifts it. A case is about people who chat; it never disables those who judge.
"""

from uuid import UUID

from parlor_kit import logs
from parlor_kit.database import Transaction
from parlor_kit.events import Event
from parlor_kit.principal import Role

from parlor_identity.models import AccountStatus
from parlor_identity.usecases.accounts import lock_account
from parlor_identity.usecases.admin_actions import IDENTITY, tell
from parlor_identity.usecases.change_status import set_status

log = logs.get("suspension")

_SUSPENDED = "suspended"
_JUDGES = (Role.ADMIN, Role.MODERATOR)


async def suspend_account(transaction: Transaction, event: Event) -> None:
    """Disable the subject of the case, if that is how it ended; any other outcome is not ours."""
    if event.data["outcome"] != _SUSPENDED:
        return
    account_id, case_id = UUID(event.data["subject_id"]), UUID(event.data["case_id"])
    account = await lock_account(transaction, "id", account_id)
    if account is None or account.role in _JUDGES:
        log.warning("suspension.ignored", account_id=str(account_id), case_id=str(case_id))
        return
    await transaction.connection.execute(
        "UPDATE accounts SET suspended_for = $2 WHERE id = $1", account_id, case_id
    )
    await set_status(transaction, account, AccountStatus.DISABLED)
    tell(transaction, "account.suspended", IDENTITY, account_id, case_id=str(case_id))

"""An admin makes an account for somebody: a distributor or a moderator.

Without a password in the request one is made and shown in this one answer, whose record for the
Idempotency-Key is stored sealed.
"""

from collections.abc import Callable

from parlor_kit.answers import Answer
from parlor_kit.database import Transaction
from parlor_kit.idempotency import Idempotency, IdempotencyKey
from parlor_kit.principal import Principal, Role

from parlor_identity import passwords
from parlor_identity.ports import PasswordHasher
from parlor_identity.usecases.accounts import AccountRow, NewAccount, add_account, still_acting
from parlor_identity.usecases.admin_actions import Actor, tell
from parlor_identity.usecases.set_password import hash_good_password


class ProvisionAccount:
    """See the module."""

    def __init__(self, idempotency: Idempotency, hasher: PasswordHasher) -> None:
        self._idempotency = idempotency
        self._hasher = hasher

    async def __call__(
        self,
        *,
        actor: Principal,
        role: Role,
        email: str,
        display_name: str,
        password: str | None,
        key: IdempotencyKey | None,
        render: Callable[[AccountRow, str | None], Answer],
    ) -> Answer:
        """`render` gets the account and the password that was made for it, if one was."""
        made = None if password is not None else passwords.initial()
        if password is not None:
            hashed = await hash_good_password(self._hasher, password, email, display_name)
        else:
            hashed = await self._hasher.hash(made or "")

        async def work(transaction: Transaction) -> Answer:
            await still_acting(transaction.connection, actor)
            account = await add_account(transaction, NewAccount(email, display_name, role, hashed))
            tell(transaction, "account.provisioned", Actor.user(actor), account.id, role=str(role))
            return render(account, made)

        return await self._idempotency.once(key, work, secret=True)

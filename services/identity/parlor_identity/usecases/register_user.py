"""Registers a customer: whoever comes may have an account of their own.

The password is hashed before the transaction begins, so that nobody who waits for a hash holds a
connection that others need. The address becomes a known one of the account.
"""

from collections.abc import Callable

from parlor_kit.answers import Answer
from parlor_kit.database import Transaction
from parlor_kit.idempotency import Idempotency, IdempotencyKey
from parlor_kit.principal import Role

from parlor_identity.ports import PasswordHasher
from parlor_identity.throttling import Throttling
from parlor_identity.usecases.accounts import AccountRow, NewAccount, add_account
from parlor_identity.usecases.set_password import hash_good_password


class RegisterUser:
    """See the module."""

    def __init__(
        self, idempotency: Idempotency, hasher: PasswordHasher, throttling: Throttling
    ) -> None:
        self._idempotency = idempotency
        self._hasher = hasher
        self._throttling = throttling

    async def __call__(
        self,
        *,
        email: str,
        password: str,
        display_name: str,
        address: str,
        key: IdempotencyKey | None,
        render: Callable[[AccountRow], Answer],
    ) -> Answer:
        """Raises `EmailTaken`, or `ValidationFailed` for a password that is too easily guessed."""
        hashed = await hash_good_password(self._hasher, password, email, display_name)
        place = self._throttling.address(address)

        async def work(transaction: Transaction) -> Answer:
            account = await add_account(
                transaction, NewAccount(email, display_name, Role.CUSTOMER, hashed)
            )
            await transaction.connection.execute(
                "INSERT INTO known_addresses (account_id, address, last_seen_at) "
                "VALUES ($1, $2, now())",
                account.id,
                place,
            )
            return render(account)

        return await self._idempotency.once(key, work)

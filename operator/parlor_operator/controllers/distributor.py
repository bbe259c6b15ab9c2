"""The loop of a Distributor: observe identity and the Secret, plan, act, say.

Called by `handlers.distributor` after a create, an update and a restart, and from time to time.
Every call ends in a status; nothing here remembers anything that a restart would miss.
"""

from contextlib import suppress
from datetime import timedelta

from parlor_operator import metrics
from parlor_operator.controllers.turns import Turns
from parlor_operator.errors import Gone, Refused, Unavailable
from parlor_operator.ports import Account, Accounts, Login, Owner, Secrets
from parlor_operator.reconcile import distributor as decide
from parlor_operator.reconcile.distributor import DistributorSpec, Observed
from parlor_operator.reconcile.resource import Outcome, Resource, abandoned, answered

# Retain leaves the account as it is; only the admins' right to manage it is at stake.
_PATIENCE_TO_RETAIN = timedelta(minutes=1)


class DistributorController:
    """Keeps accounts in step with resources."""

    def __init__(self, accounts: Accounts, secrets: Secrets, *, patience: timedelta) -> None:
        self._accounts = accounts
        self._secrets = secrets
        self._patience = patience
        self._turns = Turns()

    async def reconcile(self, resource: Resource) -> Outcome:
        async with self._turns.take(resource.uid, resource.generation) as ours:
            with metrics.timed(decide.KIND, resource.uid) as timing:
                outcome = await self._reconcile(resource) if ours else Outcome()
                timing.says(outcome)
                return outcome

    async def finalize(self, resource: Resource, waited: timedelta) -> Outcome:
        """Hand the account over to the admins, so that the resource can go."""
        disable = DistributorSpec.of(resource.spec).disable_at_deletion
        patience = self._patience if disable else min(self._patience, _PATIENCE_TO_RETAIN)
        outcome = Outcome()
        async with self._turns.take(resource.uid, resource.generation):
            try:
                await self.let_go(resource.uid, disable=disable)
                name = decide.secret_name(resource.name, resource.uid)
                await self._secrets.remove(resource.namespace, name)
            except (Unavailable, Refused) as fault:
                if waited < patience:
                    return Outcome(retry=f"the deletion waits: {fault}")
                undone = "disabled" if disable else "handed over to the admins"
                command = f"distributor {resource.uid}" + (" --disable" if disable else "")
                outcome = abandoned(f"The account was not {undone}: {fault}", command)
        self._turns.forget(resource.uid)
        metrics.forget(decide.KIND, resource.uid)
        return outcome

    async def let_go(self, uid: str, *, disable: bool) -> None:
        with suppress(Gone):
            await self._accounts.release(uid, disable=disable)

    async def _reconcile(self, resource: Resource) -> Outcome:
        account: Account | None = None
        try:
            observed = await self._observe(resource)
            account = observed.account
            wanted = decide.plan(resource, observed)
            if wanted is not None:
                account = await self._accounts.put(resource.uid, wanted)
            if account is None:
                raise Unavailable("identity", "identity has no account after it was told of one")
            has_login = await self._keep_login(resource, observed.login, account)
        except Refused as refusal:
            return answered(resource, decide.refused(resource, refusal, account))
        except Unavailable as fault:
            return answered(resource, decide.unavailable(resource, fault), retry=str(fault))
        status = decide.settled(resource, account, has_login=has_login)
        return answered(resource, status, decide.notices(resource, observed, account))

    async def _observe(self, resource: Resource) -> Observed:
        name = decide.secret_name(resource.name, resource.uid)
        login = await self._secrets.find(resource.namespace, name)
        return Observed(await self._accounts.find(resource.uid), login)

    async def _keep_login(self, resource: Resource, login: Login | None, account: Account) -> bool:
        """Whether there is a Secret with the first password after this."""
        wanted = decide.login_to_write(DistributorSpec.of(resource.spec), login, account)
        if wanted is None:
            return login is not None
        owner = Owner(resource.kind, resource.namespace, resource.name, resource.uid)
        await self._secrets.write(decide.secret_name(resource.name, resource.uid), owner, wanted)
        return True

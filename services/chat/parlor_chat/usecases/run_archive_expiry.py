"""Archive expiry: old messages leave the participants' view, older ones are deleted unless held.

Called by admins and by the scheduled job. A run belongs to the process, not to the request: it goes
on when its caller stops waiting, and ends as interrupted when the process drains. Whatever ends it,
each batch is whole, and the next run takes up the rest.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from parlor_kit import logs
from parlor_kit.answers import Answer
from parlor_kit.clock import now
from parlor_kit.database import Database, Transaction
from parlor_kit.errors import ValidationFailed
from parlor_kit.idempotency import Idempotency, IdempotencyKey
from parlor_kit.ids import new_id

from parlor_chat.retention_errors import EarlyExpiryForbidden
from parlor_chat.retention_models import RunState
from parlor_chat.usecases import expiry_runs
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.expiry_batch import Cutoffs
from parlor_chat.usecases.expiry_runs import ExpiryRun, ExpiryRuns
from parlor_chat.usecases.expiry_session import ExpirySession

log = logs.get("archive_expiry")

_BATCH_MESSAGES = 1000
_PATIENCE_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class RunOrder:
    """What a caller asks for: only try, only these conversations, other periods than usual."""

    dry_run: bool = False
    conversation_ids: Sequence[UUID] | None = None
    archive_after: timedelta | None = None
    expire_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Periods:
    """The ages at which messages are archived and expire; `early` lets an order shorten them."""

    archive_after: timedelta
    expire_after: timedelta
    early: bool = False

    def ordered(self, order: RunOrder) -> "Periods":
        """The periods of a run.

        Raises:
            EarlyExpiryForbidden: shorter ones than usual, for more than named conversations or
                where that is not allowed.
            ValidationFailed: messages would expire before they are archived.
        """
        archive = order.archive_after if order.archive_after is not None else self.archive_after
        expire = order.expire_after if order.expire_after is not None else self.expire_after
        if archive > expire:
            raise ValidationFailed([("archive_after", "must not be longer than expire_after")])
        shorter = archive < self.archive_after or expire < self.expire_after
        if shorter and not (self.early and order.conversation_ids):
            raise EarlyExpiryForbidden()
        return Periods(archive, expire)


class RunArchiveExpiry:
    """Runs archive expiry, one run at a time across all replicas."""

    def __init__(
        self,
        database: Database,
        idempotency: Idempotency,
        periods: Periods,
        *,
        batch_messages: int = _BATCH_MESSAGES,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self._database = database
        self._idempotency = idempotency
        self._periods = periods
        self._batch_messages = batch_messages
        self._patience = patience
        self._runs = ExpiryRuns(database)
        self._running: set[asyncio.Task[ExpiryRun]] = set()

    async def __call__(
        self, actor: Actor, order: RunOrder, key: IdempotencyKey | None = None
    ) -> ExpiryRun:
        """Run, and wait for the end as long as a caller can; then the run as it stands.

        Raises:
            RunInProgress: another run is under way.
            EarlyExpiryForbidden, ValidationFailed: the order's periods cannot be.
        """
        session: ExpirySession | None = None
        run = self._new_run(actor, order)

        async def begin(transaction: Transaction) -> Answer:
            nonlocal session
            session = await ExpirySession.open(self._database, batch_messages=self._batch_messages)
            await expiry_runs.begin(transaction, run, actor)
            return Answer(200, str(run.id).encode(), object_id=run.id)

        try:
            answer = await self._idempotency.once(key, begin)
        except BaseException:
            if session is not None:
                await session.close()
            raise
        if session is None:  # the key names an earlier run
            return await self._runs.get(UUID(answer.encode().decode()))
        task = asyncio.get_running_loop().create_task(self._carry(session, run, actor))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.wait({task}, timeout=self._patience)
        return task.result() if task.done() else await self._runs.get(run.id)

    async def close(self) -> None:
        """Interrupt what runs here, between two batches or inside one that is rolled back."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _carry(self, session: ExpirySession, run: ExpiryRun, actor: Actor) -> ExpiryRun:
        log.info("archive_expiry.started", run_id=str(run.id), dry_run=run.dry_run)
        try:
            ended = await session.run(run, actor)
        except BaseException as fault:
            log.warning("archive_expiry.interrupted", run_id=str(run.id), fault=repr(fault))
            raise
        finally:
            await session.close()
        log.info(
            "archive_expiry.finished",
            run_id=str(run.id),
            archived=ended.archived,
            expired=ended.expired,
            held=ended.held,
            manifest_sha256=ended.manifest_sha256,
        )
        return ended

    def _new_run(self, actor: Actor, order: RunOrder) -> ExpiryRun:
        moment = now()
        periods = self._periods.ordered(order)
        return ExpiryRun(
            id=new_id(),
            state=RunState.RUNNING,
            dry_run=order.dry_run,
            requested_by=actor.name,
            cutoffs=Cutoffs(moment - periods.archive_after, moment - periods.expire_after),
            conversation_ids=order.conversation_ids,
            started_at=moment,
            finished_at=None,
            archived=0,
            expired=0,
            held=0,
            manifest_sha256=None,
        )

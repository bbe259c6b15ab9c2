"""Types of settings that more than one class of settings has; each refuses without telling values.

Used by `settings` and by the settings of the services.
"""

import base64
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def key_bytes(value: SecretStr) -> bytes:
    """What a key in base64url stands for."""
    text = value.get_secret_value().rstrip("=")
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _key_of_32_bytes(value: SecretStr) -> SecretStr:
    try:
        raw = key_bytes(value)
    except ValueError as wrong:
        raise ValueError("must be base64url") from wrong
    if len(raw) < 32:
        raise ValueError("must hold at least 32 bytes")
    return value


def _postgresql(value: SecretStr) -> SecretStr:
    wrong = ValueError("must be as postgresql://user:password@host:5432/database")
    try:
        parts = urlsplit(value.get_secret_value())
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or port == 0:
        raise wrong
    if not parts.path.strip("/"):
        raise wrong
    for part in parts.query.split("&"):
        name, _, mode = part.partition("=")
        if name == "sslmode" and mode not in _SSL_MODES:
            raise ValueError(f"has an sslmode that is none of {', '.join(_SSL_MODES)}")
    return value


def _http(value: str) -> str:
    try:
        parts = urlsplit(value)
        known = parts.port != 0 and parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        known = None
    if not known:
        raise ValueError("must be an http or https address")
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


SecretKey = Annotated[SecretStr, AfterValidator(_key_of_32_bytes)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_postgresql)]
HttpUrl = Annotated[str, AfterValidator(_http)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]

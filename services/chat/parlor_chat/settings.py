"""Settings of the chat service."""

from datetime import timedelta
from typing import Annotated, Self

from parlor_kit.setting_types import key_bytes
from parlor_kit.settings import ServiceSettings
from pydantic import AfterValidator, Field, SecretStr, model_validator

from parlor_chat.signing import Signer


def _signs(value: SecretStr) -> SecretStr:
    try:
        seed = key_bytes(value)
    except ValueError as wrong:
        raise ValueError("must be base64url") from wrong
    Signer(seed)
    return value


class ChatSettings(ServiceSettings):
    """What chat takes from its environment beside what all services do."""

    chat_archive_after: Annotated[
        timedelta,
        Field(description="Age at which messages leave the participants' view, as ISO 8601."),
    ] = timedelta(days=30)
    chat_expire_after: Annotated[
        timedelta,
        Field(description="Age at which messages are deleted unless held, as ISO 8601."),
    ] = timedelta(days=365)
    chat_release_grace: Annotated[
        timedelta,
        Field(description="How long a released hold still protects and can be restored, ISO 8601."),
    ] = timedelta(days=7)
    chat_export_keep: Annotated[
        timedelta,
        Field(
            description="How long an export can be downloaded until it is deleted, as ISO 8601.",
            gt=timedelta(0),
            le=timedelta(days=366),
        ),
    ] = timedelta(days=7)
    chat_signing_key: Annotated[
        SecretStr,
        AfterValidator(_signs),
        Field(description="32 random bytes, base64url: the Ed25519 key that signs evidence."),
    ]
    chat_edit_window: Annotated[
        timedelta,
        Field(
            description="How long after sending a message may be edited or deleted, as ISO 8601.",
            ge=timedelta(0),
            le=timedelta(days=36_525),
        ),
    ] = timedelta(minutes=15)
    chat_early_expiry: Annotated[
        bool,
        Field(
            description="Lets an admin expire named conversations before their time, as demos do."
        ),
    ] = False

    @property
    def signer(self) -> Signer:
        return Signer(key_bytes(self.chat_signing_key))

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not timedelta(0) < self.chat_archive_after <= self.chat_expire_after:
            raise ValueError("CHAT_ARCHIVE_AFTER must be positive and not past CHAT_EXPIRE_AFTER")
        if self.chat_expire_after > timedelta(days=36_525):
            raise ValueError("CHAT_EXPIRE_AFTER must be a century at most")
        if not timedelta(0) <= self.chat_release_grace <= timedelta(days=3_653):
            raise ValueError("CHAT_RELEASE_GRACE must be between nothing and ten years")
        return self

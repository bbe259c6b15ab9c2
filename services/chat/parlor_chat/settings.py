"""Settings of the chat service."""

from datetime import timedelta
from typing import Annotated, Self

from parlor_kit.settings import ServiceSettings
from pydantic import Field, model_validator


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
    chat_early_expiry: Annotated[
        bool,
        Field(
            description="Lets an admin expire named conversations before their time, as demos do."
        ),
    ] = False

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not timedelta(0) < self.chat_archive_after <= self.chat_expire_after:
            raise ValueError("CHAT_ARCHIVE_AFTER must be positive and not past CHAT_EXPIRE_AFTER")
        if self.chat_expire_after > timedelta(days=36_525):
            raise ValueError("CHAT_EXPIRE_AFTER must be a century at most")
        return self

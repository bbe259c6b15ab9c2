"""Settings of the game service, beside those that all services have."""

from datetime import timedelta
from typing import Annotated

from parlor_kit.settings import ServiceSettings
from pydantic import Field


class GameSettings(ServiceSettings):
    """What only the game service needs."""

    game_invite_ttl: Annotated[
        timedelta,
        Field(
            description="How long a game invite may be answered, ISO 8601.",
            gt=timedelta(0),
            le=timedelta(days=30),
        ),
    ] = timedelta(minutes=15)
    game_connection_lease: Annotated[
        float,
        Field(
            description="Seconds after which a silent replica's players count as disconnected.",
            ge=1,
            le=300,
        ),
    ] = 15
    game_spectator_token_ttl: Annotated[
        timedelta,
        Field(
            description="How long a spectator token lets anybody in who has it, ISO 8601.",
            gt=timedelta(0),
            le=timedelta(days=1),
        ),
    ] = timedelta(hours=1)
    game_idle_after: Annotated[
        timedelta,
        Field(
            description="How long a game without a turn clock may lie idle before the player"
            " who must move forfeits it, ISO 8601.",
            ge=timedelta(seconds=5),
            le=timedelta(days=365),
        ),
    ] = timedelta(days=3)
    game_reconnect_window: Annotated[
        timedelta,
        Field(
            description="How long a player who lost the connection keeps the seat, ISO 8601.",
            gt=timedelta(0),
            le=timedelta(days=1),
        ),
    ] = timedelta(minutes=2)

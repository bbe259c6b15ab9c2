"""Every route of chat: method, path, function, who may call it, models. Nothing else is served."""

from parlor_kit.routing import Routes

PUBLIC = Routes(
    http=(
        # -- participants
        # -- moderators and admins
    ),
    sockets=(),
)

INTERNAL = Routes(
    http=(
        # -- operator and the scheduled job
    )
)

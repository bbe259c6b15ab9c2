"""`python -m parlor_chat api|worker|migrate|dead-letters`."""

from parlor_kit.process import Service, main

from parlor_chat import bootstrap
from parlor_chat.settings import ChatSettings

if __name__ == "__main__":
    main(
        Service(
            name="chat",
            settings=ChatSettings,
            api=bootstrap.api,
            worker=bootstrap.worker,
            inbox=bootstrap.inbox,
        )
    )

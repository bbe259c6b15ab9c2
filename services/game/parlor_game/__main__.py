"""`python -m parlor_game api|worker|bots|migrate|dead-letters`."""

from parlor_kit.process import Service, main

from parlor_game.bootstrap import api, bots, inbox, worker
from parlor_game.settings import GameSettings

if __name__ == "__main__":
    main(
        Service(
            name="game",
            settings=GameSettings,
            api=api,
            worker=worker,
            inbox=inbox,
            workers={"bots": ("play for the bots at the tables", bots)},
        )
    )

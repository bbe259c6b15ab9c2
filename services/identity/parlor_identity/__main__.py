"""`python -m parlor_identity api|worker|migrate|dead-letters|rotate-keys`."""

from parlor_kit.process import Service, main

from parlor_identity import bootstrap
from parlor_identity.settings import IdentitySettings

if __name__ == "__main__":
    main(
        Service(
            name="identity",
            settings=IdentitySettings,
            api=bootstrap.api,
            worker=bootstrap.worker,
            inbox=bootstrap.inbox,
            commands={
                "rotate-keys": (
                    "publish a new signing key; --retire withdraws all others at once",
                    bootstrap.rotate_keys,
                )
            },
        )
    )

"""Where things lie in the checkout that the dev stack runs from.

Called by everything that needs a file outside this package. The dev stack is not meant to be
installed anywhere else: it runs what is checked out, so that an edit is one restart away.
"""

import os
from pathlib import Path

from parlor_dev.problems import Problem

_PACKAGE = Path(__file__).resolve().parent


def root() -> Path:
    checkout = _PACKAGE.parents[2]
    if not (checkout / "kafka" / "topics.yaml").exists():
        raise Problem(f"{checkout} is not a checkout of Parlor: run this from one (`make up`)")
    return checkout


def kafka_folder() -> Path:
    """topics.yaml and schemas/."""
    return root() / "kafka"


def cache_folder() -> Path:
    """What can be fetched again: PARLOR_CACHE, or .cache of the checkout."""
    chosen = os.environ.get("PARLOR_CACHE")
    return Path(chosen).resolve() if chosen else root() / ".cache"

"""TABLE: what identity reacts to, and how. Each reaction commits with its inbox row, or not."""

from collections.abc import Mapping

from parlor_kit.consumer import Reaction

from parlor_identity.usecases.suspend_account import suspend_account

REACTS_TO: Mapping[str, Reaction] = {
    "case.closed": suspend_account,
}

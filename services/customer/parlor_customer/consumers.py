"""Every event that the customer service reacts to, and how."""

from collections.abc import Mapping

from parlor_kit.consumer import Reaction

from parlor_customer.usecases.accounts import follow_account
from parlor_customer.usecases.erase_account import erase_account

REACTS_TO: Mapping[str, Reaction] = {
    "account.registered": follow_account,
    "account.changed": follow_account,
    "account.disabled": follow_account,
    "account.enabled": follow_account,
    "account.erased": erase_account,
}

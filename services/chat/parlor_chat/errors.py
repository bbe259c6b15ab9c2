"""The refusals that chat adds to those of the kit."""

from parlor_kit.errors import ParlorError


class NotEntitled(ParlorError):
    """They may not, or no longer, chat with each other."""

    status, code, title = 403, "not_entitled", "These people may not chat with each other"


class NotARecipient(ParlorError):
    """Only those to whom a message was sent can receive or read it."""

    status, code, title = 403, "not_a_recipient", "The sender of a message is not its recipient"

"""The refusals of edits, reports, cases and search."""

from parlor_kit.errors import ParlorError


class NotTheSender(ParlorError):
    """A participant, but not the one who wrote it."""

    status, code, title = 403, "not_the_sender", "Only its sender may change a message"


class EditWindowOver(ParlorError):
    """What was said long enough ago stays said."""

    status, code, title = 409, "edit_window_over", "This message can no longer be changed"


class MessageDeleted(ParlorError):
    """A deletion is final for participants."""

    status, code, title = 409, "message_deleted", "This message has been deleted"


class NotReportable(ParlorError):
    """One's own message, or one of the platform."""

    status, code, title = 409, "not_reportable", "This message cannot be reported by you"


class CaseClosed(ParlorError):
    """A decision stands; another report opens another case."""

    status, code, title = 409, "case_closed", "This case has been closed"


class StaleCase(ParlorError):
    """Somebody else has changed the case meanwhile; `case` is how it stands."""

    status, code, title = 409, "stale_case", "The case has changed since you read it"


class AssignmentForbidden(ParlorError):
    """Moderators take cases or give them back; handing them out is an admin's."""

    status, code, title = 403, "assignment_forbidden", "Only an admin may assign somebody else"

"""The refusals of exports and of erasure reports."""

from parlor_kit.errors import Forbidden, ParlorError


class ExportForbidden(Forbidden):
    """Whole matters and whole people are an admin's; a moderator exports what they may review."""

    title = "Only an admin may export a matter or a custodian"


class NothingToExport(ParlorError):
    """No conversation is known under that matter, that custodian or that id."""

    status, code, title = 404, "nothing_to_export", "There is nothing of that to export"


class ExportNotReady(ParlorError):
    """It is being built; its progress says how far it is."""

    status, code, title = 409, "export_not_ready", "This export is not ready yet"


class ExportFailed(ParlorError):
    """It could not be built, and will not be tried again by itself."""

    status, code, title = 409, "export_failed", "This export could not be built: ask for another"


class ExportGone(ParlorError):
    """Its time is over."""

    status, code, title = 410, "export_gone", "This export has been deleted"

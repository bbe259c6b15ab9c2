"""The refusals of moderation, legal holds and archive expiry."""

from parlor_kit.errors import Forbidden, ParlorError


class HoldNotFound(ParlorError):
    """No hold of that matter, or of that resource, was ever placed here."""

    status, code, title = 404, "hold_not_found", "There is no such hold"


class ManagedByOperator(ParlorError):
    """Its LegalHold resource says when it ends."""

    status, code = 409, "managed_by_operator"
    title = "This hold is managed by a LegalHold resource"


class HoldCoversMore(ParlorError):
    """Ending it frees other conversations too, so it has to be named; `holds` says which it is."""

    status, code = 409, "hold_covers_more"
    title = "A hold on this conversation covers more than it"


class OrphanReleaseForbidden(Forbidden):
    """The resource of the hold is gone; nobody but an admin may end what it asked for."""

    title = "Only an admin may release a hold whose resource is gone"


class MatterImmutable(ParlorError):
    """A hold is one matter's for good."""

    status, code, title = 409, "matter_immutable", "The matter of a hold never changes"


class HoldOnlyGrows(ParlorError):
    """Letting go of one conversation or custodian would free it without a release."""

    status, code = 409, "hold_only_grows"
    title = "Conversations and custodians can be added to a hold, never taken away"


class HoldReleased(ParlorError):
    """What was released may be gone; a new hold has to say what it holds."""

    status, code, title = 409, "hold_released", "A released hold stays released"


class GraceOver(ParlorError):
    """What it held may be gone; a new hold has to say what it holds."""

    status, code, title = 409, "grace_over", "The grace of this released hold is over"


class HoldOrphaned(ParlorError):
    """Its resource was deleted; a resource's uid never comes back."""

    status, code, title = 409, "hold_orphaned", "The resource of this hold was deleted"


class RunInProgress(ParlorError):
    """Two runs at once would only wait for each other."""

    status, code, title = 409, "run_in_progress", "An archive-expiry run is under way"


class EarlyExpiryForbidden(ParlorError):
    """Shorter periods than the settings' would let an admin delete what a hold may yet need."""

    status, code = 403, "early_expiry_forbidden"
    title = "Messages may not expire before their time here"

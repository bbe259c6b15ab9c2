"""How long and how often Kopf calls. The handlers' decorators need it when they are imported."""

from parlor_operator.settings import OperatorSettings

_SETTINGS = OperatorSettings.load()

RESYNC = _SETTINGS.operator_resync.total_seconds()
# After a fault that nobody foresaw. `effects.later` says what comes after one that was.
BACKOFF = 15.0
# A change that cannot be carried out for so long is left to the timer, which never gives up, and
# which does not write its tries into the resource.
TIMEOUT = 120.0
# Past the patience of the controllers: the last resort against a finalizer that blocks for ever.
DELETION_TIMEOUT = _SETTINGS.operator_deletion_patience.total_seconds() + 300.0

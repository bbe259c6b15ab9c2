"""What identity's route functions see as `call.app`: its use cases, composed by `bootstrap`."""

from dataclasses import dataclass

from parlor_identity.ports import PublishedKeys
from parlor_identity.usecases.change_password import ChangePassword
from parlor_identity.usecases.change_status import ChangeStatus
from parlor_identity.usecases.end_sessions import LogOut, OwnSessions
from parlor_identity.usecases.erase_account import EraseAccount
from parlor_identity.usecases.keep_distributor import KeepDistributor
from parlor_identity.usecases.log_in import LogIn
from parlor_identity.usecases.provision_account import ProvisionAccount
from parlor_identity.usecases.read_accounts import ReadAccounts
from parlor_identity.usecases.refresh_session import RefreshSession
from parlor_identity.usecases.register_user import RegisterUser


@dataclass(frozen=True)
class IdentityServices:
    register_user: RegisterUser
    log_in: LogIn
    refresh_session: RefreshSession
    log_out: LogOut
    own_sessions: OwnSessions
    change_password: ChangePassword
    erase_account: EraseAccount
    provision_account: ProvisionAccount
    read_accounts: ReadAccounts
    change_status: ChangeStatus
    keep_distributor: KeepDistributor
    keys: PublishedKeys

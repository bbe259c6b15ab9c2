"""Everything that identity serves: the public table and the internal one."""

from parlor_kit.errors import Unauthenticated
from parlor_kit.pages import Page, PageQuery
from parlor_kit.principal import Role
from parlor_kit.routing import ANYONE, SIGNED_IN, Route, Routes, only

from parlor_identity import errors
from parlor_identity.api import admin, auth, internal, schemas, users
from parlor_identity.policies import MANAGES_DISTRIBUTORS, READS_ACCOUNTS

_ADMIN = only(Role.ADMIN)
_LOGIN_ERRORS = (errors.InvalidCredentials, errors.TooManyAttempts, errors.Overloaded)

PUBLIC = Routes(
    http=(
        Route(
            "POST", "/api/v1/auth/register", auth.register, ANYONE,
            answers={201: schemas.ProfileView}, body=schemas.RegisterBody, creates=True,
            errors=(errors.EmailTaken, errors.Overloaded),
        ),
        Route(
            "POST", "/api/v1/auth/login", auth.login, ANYONE,
            answers={200: schemas.TokensView}, body=schemas.LoginBody, errors=_LOGIN_ERRORS,
        ),
        Route(
            "POST", "/api/v1/auth/refresh", auth.refresh, ANYONE,
            answers={200: schemas.TokensView}, body=schemas.RefreshBody,
            errors=(Unauthenticated, errors.TokenReused),
        ),
        Route(
            "POST", "/api/v1/auth/logout", auth.logout, ANYONE,
            answers={204: None}, body=schemas.RefreshBody,
        ),
        Route(
            "GET", "/api/v1/users/me", users.get_own_profile, SIGNED_IN,
            answers={200: schemas.ProfileView},
        ),
        Route(
            "DELETE", "/api/v1/users/me", users.erase_own_account, SIGNED_IN,
            answers={202: schemas.ErasureView}, body=schemas.EraseBody,
            errors=(
                *_LOGIN_ERRORS, errors.ConfirmationNeeded, errors.ManagedByOperator,
                errors.LastAdmin,
            ),
        ),
        Route(
            "POST", "/api/v1/users/me/password", users.change_own_password, SIGNED_IN,
            answers={204: None}, body=schemas.PasswordBody, errors=_LOGIN_ERRORS,
        ),
        Route(
            "GET", "/api/v1/users/me/sessions", users.list_own_sessions, SIGNED_IN,
            answers={200: Page[schemas.SessionView]}, query=PageQuery,
        ),
        Route(
            "DELETE", "/api/v1/users/me/sessions/{session_id}", users.end_own_session, SIGNED_IN,
            answers={204: None},
        ),
        Route(
            "POST", "/api/v1/admin/distributors", admin.provision_distributor, _ADMIN,
            answers={201: schemas.ProvisionedView}, body=schemas.ProvisionBody, creates=True,
            errors=(errors.EmailTaken, errors.Overloaded),
        ),
        Route(
            "POST", "/api/v1/admin/moderators", admin.provision_moderator, _ADMIN,
            answers={201: schemas.ProvisionedView}, body=schemas.ProvisionBody, creates=True,
            errors=(errors.EmailTaken, errors.Overloaded),
        ),
        Route(
            "GET", "/api/v1/admin/users", admin.list_users, _ADMIN,
            answers={200: Page[schemas.AccountView]}, query=schemas.UsersQuery,
        ),
        Route(
            "POST", "/api/v1/admin/users/{user_id}/disable", admin.disable_user, _ADMIN,
            answers={200: schemas.AccountView},
            errors=(errors.OwnAccount, errors.ManagedByOperator),
        ),
        Route(
            "POST", "/api/v1/admin/users/{user_id}/enable", admin.enable_user, _ADMIN,
            answers={200: schemas.AccountView},
            errors=(errors.ManagedByOperator, errors.AccountErased),
        ),
        Route(
            "GET", "/.well-known/jwks.json", users.get_signing_keys, ANYONE,
            answers={200: schemas.KeysView, 304: None},
        ),
    )
)  # fmt: skip

INTERNAL = Routes(
    http=(
        Route(
            "GET", "/internal/v1/users/{user_id}", internal.get_user, READS_ACCOUNTS,
            answers={200: schemas.UserView},
        ),
        Route(
            "POST", "/internal/v1/users/batch", internal.get_users, READS_ACCOUNTS,
            answers={200: schemas.BatchView}, body=schemas.BatchBody,
        ),
        Route(
            "PUT", "/internal/v1/distributors/{resource_uid}", internal.put_distributor,
            MANAGES_DISTRIBUTORS,
            answers={200: schemas.DistributorView, 201: schemas.DistributorView},
            body=schemas.DistributorBody, errors=(errors.EmailTaken, errors.Overloaded),
        ),
        Route(
            "GET", "/internal/v1/distributors/{resource_uid}", internal.get_distributor,
            MANAGES_DISTRIBUTORS, answers={200: schemas.DistributorView},
        ),
        Route(
            "DELETE", "/internal/v1/distributors/{resource_uid}", internal.release_distributor,
            MANAGES_DISTRIBUTORS, answers={204: None}, query=schemas.ReleaseQuery,
        ),
    )
)  # fmt: skip

"""What can go wrong with people, their roles, their invitations and their tokens.

::

    AccountsError
    ├── people         PersonUnknown, BadPerson, RoleRefused, LastOperator
    ├── invitations    InvitationUnknown, InvitationOver, AlreadyHere
    ├── tokens         BadToken
    └── federation     BadProvider, BadClient
"""

from __future__ import annotations

from jazari.core.errors import ExitCode, JazariError


class AccountsError(JazariError):
    """Anything that stops a change to people."""

    code = "accounts.failed"


class PersonUnknown(AccountsError):
    """Nobody here has that address or number."""

    code = "accounts.person-unknown"
    exit_code = ExitCode.NOT_FOUND


class BadPerson(AccountsError):
    """A name, an address, a language or a title is not usable."""

    code = "accounts.bad-person"
    exit_code = ExitCode.USAGE


class RoleRefused(AccountsError):
    """This role cannot be given to this person."""

    code = "accounts.role-refused"
    exit_code = ExitCode.REFUSED


class LastOperator(AccountsError):
    """The node would be left without anybody who looks after its people."""

    code = "accounts.last-operator"
    exit_code = ExitCode.CONFLICT


class InvitationUnknown(AccountsError):
    """No invitation has this link or number."""

    code = "accounts.invitation-unknown"
    exit_code = ExitCode.NOT_FOUND


class InvitationOver(AccountsError):
    """The invitation was used, taken back, or is too old."""

    code = "accounts.invitation-over"
    exit_code = ExitCode.CONFLICT


class AlreadyHere(AccountsError):
    """Somebody has an account with this address already."""

    code = "accounts.already-here"
    exit_code = ExitCode.CONFLICT


class BadToken(AccountsError):
    """An API token with this name, these scopes or this end cannot be made."""

    code = "accounts.bad-token"
    exit_code = ExitCode.USAGE


class BadProvider(AccountsError):
    """A node whose people are to sign in here is not described as it must be."""

    code = "accounts.bad-provider"
    exit_code = ExitCode.USAGE


class BadClient(AccountsError):
    """A portal that our people are to sign in at is not described as it must be."""

    code = "accounts.bad-client"
    exit_code = ExitCode.USAGE

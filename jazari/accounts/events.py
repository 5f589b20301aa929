"""What accounts announces to other slices and to itself."""

from __future__ import annotations

from dataclasses import dataclass

from jazari.accounts.rules import Role


@dataclass(frozen=True)
class RoleGiven:
    """``person`` (a number) holds ``role`` now; ``actor`` gave it."""

    person: int
    role: Role
    actor: str


@dataclass(frozen=True)
class RoleTaken:
    """``person`` (a number) no longer holds ``role``."""

    person: int
    role: Role
    actor: str


@dataclass(frozen=True)
class InvitationAccepted:
    """The invitation that ``inviter`` (an actor) sent made, or gave roles to, the account ``person``."""

    person: int
    inviter: str

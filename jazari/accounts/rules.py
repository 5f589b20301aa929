"""Who may do what: roles, permissions, and the table that joins them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What somebody is at this node. A role is given here, by somebody of this node, and counts nowhere else."""

    MEMBER = "member"
    RESEARCHER = "researcher"
    DATA_STEWARD = "data-steward"
    TRAINER = "trainer"
    OPERATOR = "operator"
    BOARD = "board"
    AUDITOR = "auditor"


class Permission(StrEnum):
    """What a page, a button or an API call may ask for."""

    PROPOSE_STUDIES = "propose-studies"
    FOLLOW_RUNS = "follow-runs"
    DECIDE_STUDIES = "decide-studies"
    CANCEL_RUNS = "cancel-runs"
    SEE_GATEWAY = "see-gateway"
    USE_GATEWAY = "use-gateway"
    READ_GATEWAY = "read-gateway"
    MANAGE_GATEWAY = "manage-gateway"
    READ_AUDIT = "read-audit"
    FOLLOW_ENROLMENT = "follow-enrolment"
    READ_HEALTH = "read-health"
    MANAGE_PEOPLE = "manage-people"


_R = Role
PERMISSIONS: Mapping[Permission, frozenset[Role]] = MappingProxyType({
    Permission.PROPOSE_STUDIES: frozenset({_R.RESEARCHER}),
    Permission.FOLLOW_RUNS: frozenset({_R.RESEARCHER, _R.DATA_STEWARD, _R.OPERATOR, _R.BOARD, _R.AUDITOR}),
    Permission.DECIDE_STUDIES: frozenset({_R.DATA_STEWARD}),
    Permission.CANCEL_RUNS: frozenset({_R.RESEARCHER, _R.OPERATOR}),
    Permission.SEE_GATEWAY: frozenset({_R.MEMBER, _R.RESEARCHER, _R.TRAINER, _R.OPERATOR, _R.BOARD, _R.AUDITOR}),
    Permission.USE_GATEWAY: frozenset({_R.MEMBER, _R.RESEARCHER, _R.TRAINER, _R.OPERATOR}),
    Permission.READ_GATEWAY: frozenset({_R.OPERATOR, _R.BOARD, _R.AUDITOR}),
    Permission.MANAGE_GATEWAY: frozenset({_R.OPERATOR}),
    Permission.READ_AUDIT: frozenset({_R.AUDITOR, _R.BOARD}),
    Permission.FOLLOW_ENROLMENT: frozenset({_R.BOARD, _R.OPERATOR}),
    Permission.READ_HEALTH: frozenset({_R.OPERATOR, _R.AUDITOR}),
    Permission.MANAGE_PEOPLE: frozenset({_R.OPERATOR}),
})  # fmt: skip
"""Which roles are enough for each permission: one of them is."""

NEED_SECOND_FACTOR = frozenset({Permission.DECIDE_STUDIES, Permission.MANAGE_GATEWAY, Permission.MANAGE_PEOPLE})
"""What a password alone never opens: the person must have signed in with a second factor or a passkey."""

NEVER_FEDERATED = frozenset({Role.OPERATOR, Role.BOARD})
"""Roles that somebody who signs in through another node can never be given here."""

OF_EVERY_GUEST = Role.MEMBER
"""What somebody who signs in through another node is here until somebody here gives more."""

READ = "read"
"""The scope of an API token that reads what every signed-in person may read."""

INVITATION_DAYS = 7
LONGEST_TOKEN_DAYS = 365


def may_hold(role: Role, *, federated: bool) -> bool:
    """Whether ``role`` may be given to somebody, who came through another node where ``federated`` says so."""
    return not (federated and role in NEVER_FEDERATED)


def scopes_for(roles: Iterable[Role]) -> tuple[str, ...]:
    """What an API token of somebody with these roles may carry."""
    return (READ, *sorted(str(permission) for permission in permissions_of(roles)))


def allows(permission: Permission, roles: Iterable[Role]) -> bool:
    """Whether one of ``roles`` is enough for ``permission``."""
    return not PERMISSIONS[permission].isdisjoint(roles)


def permissions_of(roles: Iterable[Role]) -> frozenset[Permission]:
    """All that somebody with these roles may do."""
    held = frozenset(roles)
    return frozenset(permission for permission in Permission if allows(permission, held))

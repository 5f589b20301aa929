"""Errors of governance.

GovernanceError
├── TrailBroken       governance.trail-broken        the audit trail was changed
├── BadAuditFile      governance.bad-audit-file      an exported trail cannot be read
└── SpoolUnreadable   governance.spool-unreadable    a file of the engine's spool holds no event
"""

from __future__ import annotations

from jazari.core.errors import ExitCode, JazariError


class GovernanceError(JazariError):
    code = "governance.failed"


class TrailBroken(GovernanceError):
    """The trail is not what was written: see the problems that came with it."""

    code = "governance.trail-broken"
    exit_code = ExitCode.UNTRUSTED


class BadAuditFile(GovernanceError):
    code = "governance.bad-audit-file"
    exit_code = ExitCode.USAGE


class SpoolUnreadable(GovernanceError):
    """Raised and caught while ingesting: the file is set aside, never lost."""

    code = "governance.spool-unreadable"

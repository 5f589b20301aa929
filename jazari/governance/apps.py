"""Django's handle on governance: once the apps are ready, every ``AuditEvent`` is kept."""

from __future__ import annotations

from django.apps import AppConfig


class GovernanceConfig(AppConfig):
    """The audit trail."""

    name = "jazari.governance"
    label = "governance"

    def ready(self) -> None:
        """Listen to what the slices report."""
        from jazari.core.audit import AuditEvent
        from jazari.core.events import subscribe
        from jazari.governance.operations import record

        subscribe(AuditEvent, record)

"""SQL that makes the audit table append-only, for SQLite and PostgreSQL.

Besides UPDATE and DELETE the insert is checked too: only the next number, linked to the last hash. On
SQLite that also stops ``INSERT OR REPLACE``, which deletes without firing delete triggers.
"""

# ruff: noqa: S608  the statements are our own, no text of others is put into them

from __future__ import annotations

from collections.abc import Sequence

TABLE = "governance_auditentry"
_SAYS = "the audit trail is append-only"
_NEXT = f"(SELECT COALESCE(MAX(seq), 0) + 1 FROM {TABLE})"
_LAST = f"COALESCE((SELECT hash FROM {TABLE} ORDER BY seq DESC LIMIT 1), '{'0' * 64}')"

_SQLITE_CREATE = (
    f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END",
    f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END",
    f"CREATE TRIGGER audit_next_only BEFORE INSERT ON {TABLE} "
    f"WHEN NEW.seq IS NOT {_NEXT} OR NEW.previous_hash IS NOT {_LAST} "
    f"OR EXISTS (SELECT 1 FROM {TABLE} WHERE event_id = NEW.event_id) "
    f"BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END",
)
_SQLITE_DROP = tuple(
    f"DROP TRIGGER IF EXISTS {name}" for name in ("audit_no_update", "audit_no_delete", "audit_next_only")
)
_POSTGRESQL_CREATE = (
    "CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"RAISE EXCEPTION '{_SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
    "CREATE OR REPLACE FUNCTION audit_next_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"IF NEW.seq IS DISTINCT FROM {_NEXT} OR NEW.previous_hash IS DISTINCT FROM {_LAST} THEN "
    f"RAISE EXCEPTION '{_SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END IF; "
    "RETURN NEW; END $$",
    f"CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON {TABLE} "
    "FOR EACH ROW EXECUTE FUNCTION audit_append_only()",
    f"CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON {TABLE} "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()",
    f"CREATE TRIGGER audit_next_only BEFORE INSERT ON {TABLE} FOR EACH ROW EXECUTE FUNCTION audit_next_only()",
)
_POSTGRESQL_DROP = (
    *(
        f"DROP TRIGGER IF EXISTS {name} ON {TABLE}"
        for name in ("audit_no_change", "audit_no_truncate", "audit_next_only")
    ),
    "DROP FUNCTION IF EXISTS audit_append_only()",
    "DROP FUNCTION IF EXISTS audit_next_only()",
)


def create_statements(vendor: str) -> Sequence[str]:
    """What makes the table append-only on ``vendor`` (``sqlite`` or ``postgresql``)."""
    return {"sqlite": _SQLITE_CREATE, "postgresql": _POSTGRESQL_CREATE}[vendor]


def drop_statements(vendor: str) -> Sequence[str]:
    """What undoes ``create_statements``; harmless where there is nothing to undo."""
    return {"sqlite": _SQLITE_DROP, "postgresql": _POSTGRESQL_DROP}[vendor]

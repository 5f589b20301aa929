"""SQL that makes the table of grants append-only, for SQLite and PostgreSQL."""

# ruff: noqa: S608  the statements are our own, no text of others is put into them

from __future__ import annotations

from collections.abc import Sequence

TABLE = "gateway_grant"
_SAYS = "grants are append-only"

# The insert is checked too: `INSERT OR REPLACE` deletes without firing delete triggers.
_SQLITE_CREATE = (
    f"CREATE TRIGGER grant_no_update BEFORE UPDATE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END",
    f"CREATE TRIGGER grant_no_delete BEFORE DELETE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END",
    f"CREATE TRIGGER grant_no_replace BEFORE INSERT ON {TABLE} "
    f"WHEN EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END",
)
_SQLITE_DROP = tuple(
    f"DROP TRIGGER IF EXISTS {name}" for name in ("grant_no_update", "grant_no_delete", "grant_no_replace")
)
_POSTGRESQL_CREATE = (
    "CREATE OR REPLACE FUNCTION grant_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"RAISE EXCEPTION '{_SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END $$",
    f"CREATE TRIGGER grant_no_change BEFORE UPDATE OR DELETE ON {TABLE} "
    "FOR EACH ROW EXECUTE FUNCTION grant_append_only()",
    f"CREATE TRIGGER grant_no_truncate BEFORE TRUNCATE ON {TABLE} "
    "FOR EACH STATEMENT EXECUTE FUNCTION grant_append_only()",
)
_POSTGRESQL_DROP = (
    *(f"DROP TRIGGER IF EXISTS {name} ON {TABLE}" for name in ("grant_no_change", "grant_no_truncate")),
    "DROP FUNCTION IF EXISTS grant_append_only()",
)


def create_statements(vendor: str) -> Sequence[str]:
    """What makes the table append-only on ``vendor`` (``sqlite`` or ``postgresql``)."""
    return {"sqlite": _SQLITE_CREATE, "postgresql": _POSTGRESQL_CREATE}[vendor]


def drop_statements(vendor: str) -> Sequence[str]:
    """What undoes ``create_statements``; harmless where there is nothing to undo."""
    return {"sqlite": _SQLITE_DROP, "postgresql": _POSTGRESQL_DROP}[vendor]

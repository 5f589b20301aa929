"""Taking turns between processes that write to one database."""

from __future__ import annotations

from django.db import connection


def take_turn(number: int) -> None:
    """Wait until no other transaction has taken turn ``number``; it is given back at the end of ours.

    On SQLite nothing is left to do: our transactions begin IMMEDIATE, so we are the only writer already.
    Were one deferred, the table's own keys would refuse the second of two equal numbers.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])

"""How this node is, from what this machine knows: its processes, duties, disk, clock, database and mirror."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, connection

from jazari.core import clock
from jazari.federation import standing
from jazari.federation.models import Presence
from jazari.federation.queries import repository_days
from jazari.settings.home import Home
from jazari.settings.process_state import read_duties, read_state
from jazari.trust.directory import DIRECTORY_TARGET

SCARCE = 0.1
"""Less than this share of the disk free is told as a problem."""
CLOCK_SECONDS = 5.0
"""Clocks further apart are told as a problem; the Root refuses requests at 60 s."""
MIRROR_SECONDS = 600.0
"""A mirror is brought up to date every minute; one this old is told as a problem."""


def health(home: Home) -> dict[str, Any]:
    """All of it; ``problems`` counts what somebody should look at."""
    processes, duties = _processes(home), _duties(home)
    facts = {
        "processes": processes,
        "duties": duties,
        "disk": _disk(home),
        "database": _database(),
        "mirror": _mirror(home),
        "clocks": _clocks() if home.is_root else [],
        "membership": "" if home.is_root else standing.membership(home),
        "signatures": repository_days(home) if home.is_root else None,
    }
    return {**facts, "problems": _count_problems(facts)}


def _processes(home: Home) -> list[dict[str, Any]]:
    found: Mapping[str, Any] = read_state(home).get("processes", {})
    return [
        {
            "name": name,
            "ready": bool(facts.get("ready")),
            "pid": facts.get("pid"),
            "restarts": int(facts.get("restarts") or 0),
        }
        for name, facts in sorted(found.items())
    ]


def _duties(home: Home) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "succeeded": _moment(facts.get("succeeded")),
            "problem": str(facts.get("problem") or "")[:1000],
            "code": str(facts.get("code") or "")[:100],
        }
        for name, facts in sorted(read_duties(home).items())
        if isinstance(facts, dict)
    ]


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _disk(home: Home) -> dict[str, Any]:
    found = shutil.disk_usage(home.path)
    return {
        "free_gb": round(found.free / 1e9, 1),
        "total_gb": round(found.total / 1e9, 1),
        "scarce": found.free < SCARCE * found.total,
    }


def _database() -> dict[str, Any]:
    began = time.perf_counter()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return {"kind": connection.vendor, "answers": False, "milliseconds": 0.0}
    return {
        "kind": connection.vendor,
        "answers": True,
        "milliseconds": round((time.perf_counter() - began) * 1000, 1),
    }


def _mirror(home: Home) -> dict[str, Any] | None:
    """When the newest signed proof of freshness was taken over, and when the duty that looks for newer last worked."""
    try:
        there = (home.mirror / "targets" / DIRECTORY_TARGET).is_file()
        proof = (home.mirror / "metadata" / "timestamp.json").stat().st_mtime
    except OSError:
        return None
    looked = _moment(read_duties(home).get("sync", {}).get("succeeded"))
    old = looked is None or (clock.now() - looked).total_seconds() > MIRROR_SECONDS
    return {"changed": datetime.fromtimestamp(proof, UTC), "looked": looked, "old": old} if there else None


def _clocks() -> list[dict[str, Any]]:
    rows = Presence.objects.order_by("namespace").values_list("namespace", "clock_offset_seconds", "last_seen")
    return [
        {"namespace": name, "seconds": round(offset, 1), "wrong": abs(offset) > CLOCK_SECONDS, "last_seen": last}
        for name, offset, last in rows
    ]


def _count_problems(facts: Mapping[str, Any]) -> int:
    flags = [
        not facts["processes"],
        *(not process["ready"] for process in facts["processes"]),
        *(bool(duty["problem"]) for duty in facts["duties"]),
        facts["disk"]["scarce"],
        not facts["database"]["answers"],
        facts["mirror"] is None or facts["mirror"]["old"],
        *(item["wrong"] for item in facts["clocks"]),
        facts["membership"] not in ("", "member"),
    ]
    return sum(flags)

"""How far requests to join or to change keys have come, for the board and operators of a Root.

The page signs nothing and admits nobody: the board's keys are offline, and each step is a command.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from jazari.accounts.access import requires
from jazari.accounts.rules import Permission
from jazari.federation import queries
from jazari.settings.home import Home
from jazari.settings.runtime import this_home
from jazari.territories import usable_for

MOST_SHOWN = 100
_DIGITS = slice(len("sha256:"), len("sha256:") + 16)


@requires(Permission.FOLLOW_ENROLMENT)
def enrolments(request: HttpRequest) -> HttpResponse:
    """Requests that wait, each with its next step; then those that were decided."""
    home = this_home()
    if not home.is_root:
        raise Http404("Only a Root admits institutes.")
    waiting = queries.requests(home, queries.WAITING, MOST_SHOWN)
    facts = {
        "waiting": with_next_steps(home, waiting, queries.ceremonies(home) if waiting else {}),
        "waiting_in_all": queries.count_waiting(),
        "decided": [_with_digits(item) for item in queries.requests(home, queries.DECIDED, MOST_SHOWN)],
    }
    return render(request, "federation/enrolments.html", facts)


def with_next_steps(home: Home, found: Sequence[Mapping[str, Any]], files: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each request with the digits to compare and the exact commands of its next step.

    ``files``: the ceremony that still can be finished, by namespace.
    """
    named = Counter(str(item["namespace"]) for item in found)
    return [_with_step(home, item, files, named[item["namespace"]] > 1) for item in found]


def _with_step(home: Home, item: Mapping[str, Any], files: Mapping[str, str], unclear: bool) -> dict[str, Any]:
    name = item["digest"][_DIGITS] if unclear else item["namespace"]
    file = files.get(item["namespace"], "")
    step = str(item["state"])
    if step == "proposed" and not file:
        step = "overtaken"
    return {**_with_digits(item), "step": step, "ceremony": file, "commands": _commands(home, step, name, file)}


def _commands(home: Home, step: str, name: str, file: str) -> list[str]:
    at_home = f"--home {shlex.quote(str(home.path))}"
    if step == "proposed":
        copy = file.rpartition("/")[2]
        return [
            f"jazari board review {shlex.quote(copy)} --network network.json",
            f"jazari board sign {shlex.quote(copy)} --key KEY.pem --network network.json",
            f"jazari root finish signed/MEMBER-1.json signed/MEMBER-2.json {at_home}",
        ]
    if step in ("received", "overtaken"):
        return [
            f"jazari root admit {shlex.quote(name)} {at_home}",
            f'jazari root refuse {shlex.quote(name)} --reason "..." {at_home}',
        ]
    return ["jazari institute join"] if step == "admitted" else []


def _with_digits(item: Mapping[str, Any]) -> dict[str, Any]:
    digits = str(item["digest"])[_DIGITS]
    return {
        **item,
        "region_names": usable_for(this_home().path).name_of(str(item["region"])),
        "digits": " ".join(digits[place : place + 4] for place in range(0, len(digits), 4)),
    }

"""Every page and every reading call of the API answers on PostgreSQL too; on SQLite the access matrix asks them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jazari.accounts.rules import Role
from jazari.nodes.tests.test_access_matrix import places
from jazari.testing.pages import People, portal_home

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("postgresql_database", "unlimited")]
UNREACHABLE = (502, 503)
"""Of this home: the Root, its gateway."""


def test_every_page_answers_on_postgresql(tmp_path: Path, people: People, settings: Any) -> None:
    portal_home(tmp_path, settings)
    settings.ACCOUNT_RATE_LIMITS = False
    settings.MFA_RATE_LIMITS = False
    wrong = []
    for place in places():
        answer = people.client(*Role).get(place.address)
        if answer.status_code >= 500 and answer.status_code not in UNREACHABLE:
            wrong.append(f"{place.address}: {answer.status_code}")
    assert wrong == []

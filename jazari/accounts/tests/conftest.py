"""Who somebody is and what they may is kept in the database: tests of accounts run on both kinds."""

from __future__ import annotations

import pytest

from jazari.settings.home import Home


@pytest.fixture
def portal(portal_on_any_database: Home) -> Home:
    """In place of the fixture of the same name, which is of SQLite."""
    return portal_on_any_database

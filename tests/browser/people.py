"""``python -m tests.browser.people HOME``: the people of a home for browser tests, in a process of its own.

Prints their sessions as JSON, by role: somebody is signed in as if by a passkey, a day ahead, so that no page asks
again during the tests. Tests that are about signing in do it themselves, with ``address`` and ``PASSWORD``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from jazari.accounts.rules import Role
from jazari.settings.home import Home
from jazari.settings.runtime import PAGES, setup

DAY_SECONDS = 86_400


def address(role: Role) -> str:
    """The e-mail address of whoever holds only ``role``."""
    return f"{role}@example.org"


def sessions(home: Home) -> dict[str, str]:
    """Makes one person for each role; the keys of their sessions."""
    setup(home, migrate=True, profile=PAGES)
    from django.conf import settings

    from jazari.testing.pages import People

    settings.ALLOWED_HOSTS.append("testserver")
    found = {}
    for role in Role:
        client = People().client(role)
        session = client.session
        for record in session["account_authentication_methods"]:
            record |= {"at": record["at"] + DAY_SECONDS, "reauthenticated": True}
        session["account_authentication_methods_user"] = session["_auth_user_id"]
        session.save()
        found[str(role)] = client.cookies[settings.SESSION_COOKIE_NAME].value
    return found


if __name__ == "__main__":
    print(json.dumps(sessions(Home.open(Path(sys.argv[1])))))

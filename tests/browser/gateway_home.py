"""``python -m tests.browser.gateway_home HOME``: a home's people, and a gateway with cards, calls and a playground.

Prints a line of JSON, the people's sessions and what addresses of pages are made of, and serves until its input ends.
The model is a stand-in that takes its time; figures of the drill and of the earlier calls are made up.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

from jazari.settings.home import Home
from tests.browser.people import sessions

PACE_SECONDS = 0.3
"""Between two words of an answer."""


def serve(home: Home) -> None:
    """Until whoever started this process goes away."""
    made = sessions(home)
    from jazari.gateway import operations, queries
    from jazari.gateway.playground import open_playground
    from jazari.gateway.proxy.tests.serving import GatewayUnderTest, toml
    from jazari.gateway.scopes import Scope
    from jazari.gateway.tests import page_homes
    from jazari.gateway.tests.test_drill_pages import card
    from jazari.gateway.words import DataClass
    from jazari.testing.providers.openai_like import OpenAILike
    from jazari.testing.providers.wire import Behaviour

    with OpenAILike(behaviour=Behaviour(pace_seconds=PACE_SECONDS)) as provider:
        text = toml({"first": provider.url, "second": "http://127.0.0.1:9/v1"})
        page_homes.give_gateway(home, f"port = 1\n{text}")
        page_homes.publish(drill=card(plots=[]))
        operations.create_project("archives", "Archives", "tests")
        operations.grant("archives", 10**9, "", "tests")
        key = operations.create_key("archives", "reading-room", Scope(["chat"], DataClass.INTERNAL), "tests").key.id
        (call,) = page_homes.serve(home, {"key": key})
        operations.create_project("pilot", "Pilot", "tests")
        operations.grant("pilot", 10**9, "", "tests")
        scope = Scope(["chat"], DataClass.INTERNAL, may_declassify=True, requests_a_minute=600)
        open_playground(home, "pilot", scope, 100, timedelta(days=1), "tests")
        with GatewayUnderTest(home.path / "gateway", text, *queries.keys_snapshot().keys.values()) as gateway:
            page_homes.give_gateway(home, f"port = {gateway.port}\n{text}")
            print(json.dumps({"sessions": made, "key": key, "call": call}), flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    serve(Home.open(Path(sys.argv[1])))

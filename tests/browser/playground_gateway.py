"""``python -m tests.browser.playground_gateway HOME``: a home's people, its playground and a gateway that serves it.

Prints the people's sessions as JSON, and serves until its input ends. The model is a stand-in that takes its time.
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
    from jazari.gateway.tests.page_homes import give_gateway
    from jazari.gateway.words import DataClass
    from jazari.testing.providers.openai_like import OpenAILike
    from jazari.testing.providers.wire import Behaviour

    with OpenAILike(behaviour=Behaviour(pace_seconds=PACE_SECONDS)) as provider:
        text = toml({"campus": provider.url})
        give_gateway(home, f"port = 1\n{text}")
        operations.create_project("pilot", "Pilot", "tests")
        operations.grant("pilot", 10**9, "", "tests")
        scope = Scope(["chat"], DataClass.INTERNAL, may_declassify=True, requests_a_minute=600)
        open_playground(home, "pilot", scope, 100, timedelta(days=1), "tests")
        with GatewayUnderTest(home.path / "gateway", text, *queries.keys_snapshot().keys.values()) as gateway:
            give_gateway(home, f"port = {gateway.port}\n{text}")
            print(json.dumps(made), flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    serve(Home.open(Path(sys.argv[1])))

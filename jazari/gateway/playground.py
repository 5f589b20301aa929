"""The playground of the portal: whose budget it uses, with which key, and how much one person may ask.

An operator opens it for one project. The gateway sees an ordinary key of that project, with its limits and its budget;
the secret is in a private file of the home, and never leaves the node.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from jazari.core.files import plain_os_errors, write_private
from jazari.gateway import operations, queries
from jazari.gateway.chat import read_key
from jazari.gateway.errors import KeyNotFound, LimitReached
from jazari.gateway.limits import KeyLimits, Limiter
from jazari.gateway.models import Key
from jazari.gateway.operating_errors import PlaygroundShut
from jazari.gateway.queries import KeyState
from jazari.gateway.scopes import Scope
from jazari.settings.home import Home

KEY_NAME = "playground"


@dataclass(frozen=True)
class Playground:
    """``key``: the id of its key; ``requests_a_minute`` is for each person."""

    project: str
    key: str
    requests_a_minute: int


def settings_path(home: Home) -> Path:
    """Where it is written down that there is a playground."""
    return home.path / "gateway" / "playground.json"


def secret_path(home: Home) -> Path:
    """Where its key is."""
    return home.keys / "playground.key"


def read_playground(home: Home) -> Playground:
    """The playground of this node; ``PlaygroundShut`` where an operator opened none."""
    try:
        value = json.loads(settings_path(home).read_bytes())
        return Playground(str(value["project"]), str(value["key"]), int(value["requests_a_minute"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise PlaygroundShut(
            "There is no playground here yet: an operator opens it with `jazari gateway playground --project NAME`."
        ) from error


def current_key(playground: Playground) -> Key:
    """Its key as it stands; ``PlaygroundShut`` where it no longer opens."""
    key = Key.objects.select_related("project").filter(id=playground.key).first()
    if key is None or queries.state_of(key) not in (KeyState.OPEN, KeyState.OVERLAP):
        raise PlaygroundShut(
            "The playground's key is over: an operator opens it again with `jazari gateway playground --project NAME`."
        )
    return key


def secret_of(home: Home) -> str:
    """The secret of its key; ``SecretUnusable`` where the file holds none."""
    return read_key(secret_path(home))


def open_playground(
    home: Home, project: str, scope: Scope, requests_a_minute: int, life: timedelta, actor: str
) -> Playground:
    """Open the playground for ``project`` with a key of its own; the one of before is revoked.

    Raises what ``operations.create_key`` does.
    """
    queries.find_project(project)
    _revoke(home, project, actor)
    made = operations.create_key(project, KEY_NAME, scope, actor, life)
    playground = Playground(project, made.key.id, requests_a_minute)
    try:
        write_private(secret_path(home), made.secret.encode() + b"\n")
        write_private(settings_path(home), json.dumps(asdict(playground)).encode())
    except BaseException:
        # A key that is kept nowhere would stay open for nobody.
        operations.revoke_key(made.key.id, actor)
        raise
    return playground


def shut_playground(home: Home, actor: str) -> None:
    """Revoke its key and forget it; harmless to repeat."""
    try:
        found = read_playground(home)
    except PlaygroundShut:
        return
    _revoke(home, found.project, actor)
    for path in (settings_path(home), secret_path(home)):
        with plain_os_errors(path):
            path.unlink(missing_ok=True)


def _revoke(home: Home, project: str, actor: str) -> None:
    references = [f"{project}/{KEY_NAME}"]
    with suppress(PlaygroundShut):
        references.append(read_playground(home).key)
    for reference in references:
        with suppress(KeyNotFound):
            operations.revoke_key(reference, actor)


def is_of_playground(playground: Playground, project: str, key: str) -> bool:
    """Whether a call by ``key`` of ``project`` was made in the playground, now or with an earlier key of it."""
    if project != playground.project:
        return False
    return Key.objects.filter(id=key, name=KEY_NAME, project__name=project).exists()


class Visitors:
    """How much each person asks, in this process: so often a minute, and one question at a time."""

    def __init__(self) -> None:
        self._limiter = Limiter()
        self._lock = threading.Lock()

    @contextmanager
    def asking(self, person: str, requests_a_minute: int) -> Iterator[None]:
        """One question; ``LimitReached`` where it comes too soon or beside another."""
        limits = KeyLimits(requests_a_minute=requests_a_minute, streams=1)
        with self._lock:
            try:
                self._limiter.begin(person, limits, 0, time.monotonic(), stream=True)
            except LimitReached as error:
                raise LimitReached(_too_much(requests_a_minute, error), error.retry_after_seconds or 1.0) from error
        try:
            yield
        finally:
            with self._lock:
                self._limiter.end(person, 0, 0, time.monotonic(), stream=True)
                self._limiter.prune(time.monotonic())


def _too_much(requests_a_minute: int, error: LimitReached) -> str:
    seconds = f"in {error.retry_after_seconds:.0f} s" if error.retry_after_seconds else "soon"
    return f"Each person may ask {requests_a_minute} times a minute here, one question at a time: try again {seconds}."


VISITORS = Visitors()


def routes_for(key: Key, chat_routes: Sequence[str]) -> list[str]:
    """The chat routes that the key may use, as gateway.toml orders them."""
    return [alias for alias in chat_routes if "*" in key.routes or alias in key.routes]

"""One question and its answer, each of which may be too large for one piece: both ends of it.

The Root leads, since a site only speaks when it is asked. A large request is offered, and the site says how many
parts it holds; a large answer is offered, and the Root says which part it wants. Every piece that comes in is on
disk before the next one is asked for, so after a cut or a killed process either end goes on where it was: the
request of a step and the answer that an institute stored are the same bytes every time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from jazari.core.errors import JazariError
from jazari.core.files import plain_os_errors
from jazari.studies.errors import BadMessage
from jazari.studies.flare import wire
from jazari.studies.flare.inbox import Inbox
from jazari.studies.flare.wire import Kind, Part
from jazari.studies.messages import decode

_log = logging.getLogger("jazari.engine.exchange")
_SPARE_PIECES = 16


class RootExchange:
    """The Root's end of one question to one institute."""

    def __init__(self, inbox: Inbox, request: bytes) -> None:
        self._inbox, self._request = inbox, wire.pack(request)
        self._asked = wire.offer(self._request) if wire.is_large(self._request) else None
        self._coming: Part | None = None
        self._left = _SPARE_PIECES + 3 * (self._asked.count if self._asked else 0)

    def first(self) -> bytes:
        """What to send first."""
        return wire.write_part(self._asked) if self._asked else self._request

    def take(self, reply: bytes) -> tuple[bytes, bytes]:
        """What to send next and the whole answer; one of both is empty. Raises ``BadMessage`` for no way on."""
        if not wire.is_part(reply):
            return b"", wire.unpack(reply)
        self._left -= 1
        if self._left < 0:
            raise BadMessage("An answer in parts comes to no end: look at the institute's log.")
        part = wire.read_part(reply)
        if part.kind == Kind.HELD:
            return self._send(part), b""
        if part.kind == Kind.OFFER:
            return self._begin(part)
        if part.kind == Kind.DATA and self._coming == part.of(Kind.OFFER):
            return self._want(part, self._inbox.keep(part))
        raise BadMessage("A part of an answer came that nobody asked for: the institute may need an update.")

    def finish(self) -> None:
        """Delete the parts of an answer that is stored as a whole now."""
        if self._coming is not None:
            self._inbox.forget()

    def _send(self, part: Part) -> bytes:
        if self._asked != part.of(Kind.OFFER) or part.index == part.count:
            raise BadMessage("An institute holds parts that nobody sent it: it may need an update.")
        return wire.write_part(wire.data_part(self._request, part, part.index))

    def _begin(self, part: Part) -> tuple[bytes, bytes]:
        if self._coming is None:
            self._left += 3 * part.count
        self._coming = part
        return self._want(part, self._inbox.held(part))

    def _want(self, part: Part, held: int) -> tuple[bytes, bytes]:
        if held < part.count:
            return wire.write_part(part.of(Kind.WANT, held)), b""
        return b"", wire.unpack(self._inbox.whole(part))


class SiteExchange:
    """The institute's end: answers pieces of questions about the run of one job."""

    def __init__(self, engine: Path, run: str, check: Callable[[], None], respond: Callable[[bytes], bytes]) -> None:
        """``check`` raises unless the run may go on here; ``respond`` answers a whole request and never raises."""
        self._inbox, self._stored = Inbox(engine / "answers" / run / "parts"), StoredAnswers(engine, run)
        self._check, self._respond = check, respond

    def answer(self, request: bytes) -> bytes:
        """What to send back; whatever is wrong with ``request`` is a refusal like any other."""
        try:
            if not wire.is_part(request):
                return self._whole(wire.unpack(request))
            self._check()
            return self._piece(wire.read_part(request))
        except JazariError as error:
            _log.warning("A piece of a request was refused: %s", error)
            return self._respond(b"")

    def _piece(self, part: Part) -> bytes:
        if part.kind == Kind.WANT:
            stored = self._stored.find(part)
            if stored is None:
                raise BadMessage("The Root wants an answer that is not stored here: nothing was sent.")
            return wire.write_part(wire.data_part(stored, part, part.index))
        if part.kind == Kind.HELD:
            raise BadMessage("The Root holds no parts that it was not asked for.")
        held = self._inbox.keep(part) if part.kind == Kind.DATA else self._inbox.held(part)
        if held < part.count:
            return wire.write_part(part.of(Kind.HELD, held))
        return self._whole(wire.unpack(self._inbox.whole(part)))

    def _whole(self, request: bytes) -> bytes:
        answer = wire.pack(self._respond(request))
        return wire.write_part(wire.offer(answer)) if wire.is_large(answer) else answer


class StoredAnswers:
    """The answers to a run that an institute wrote down, by the digest of what travels: all that may leave in parts."""

    def __init__(self, engine: Path, run: str) -> None:
        self._folder = engine / "answers" / run
        self._found: tuple[bytes, bytes] = (b"", b"")

    def find(self, whole: Part) -> bytes | None:
        """The packed answer that ``whole`` names, or None."""
        if self._found[0] != whole.digest:
            for path in sorted(self._paths(), key=lambda path: path.stat().st_mtime_ns, reverse=True):
                with plain_os_errors(path):
                    packed = wire.pack(path.read_bytes())
                if wire.digest(packed) == whole.digest:
                    self._found = (whole.digest, packed)
                    break
            else:
                return None
        return self._found[1] if len(self._found[1]) == whole.size else None

    def _paths(self) -> list[Path]:
        return [*self._folder.glob("[0-9]*.answer"), *self._folder.glob("[0-9]*.said")]


def may_leave(raw: bytes, run: str, stored: StoredAnswers) -> bool:
    """Whether bytes are one message of ours to the Root about ``run``, or a piece of one that is stored."""
    if not wire.is_part(raw):
        message = decode(wire.unpack(raw))
        return message.run == run and message.kind in ("answer", "confirmation", "refusal")
    part = wire.read_part(raw)
    if part.kind == Kind.HELD:
        return True
    whole = stored.find(part)
    if whole is None or part.kind not in (Kind.OFFER, Kind.DATA):
        return False
    return part.kind == Kind.OFFER or wire.data_part(whole, part, part.index) == part

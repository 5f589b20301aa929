"""The operator's end of the control socket."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jazari.core.errors import known_errors
from jazari.gateway.drills.orders import answer_line
from jazari.gateway.drills.sockets import connect
from jazari.gateway.errors import DrillError, GatewayNotRunning
from jazari.gateway.proxy.severing import Mode

_LARGEST_ANSWER = 100_000


class Operator:
    """A connection to a running gateway. A cut lasts no longer than it. Blocking: use a thread beside an event loop."""

    def __init__(self, path: Path) -> None:
        self._socket: socket.socket = connect(path)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _t: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; what this connection cut is mended."""
        self._file.close()
        self._socket.close()

    def cut(self, what: str, mode: Mode, seconds: float) -> dict[str, Any]:
        """Cut ``what`` off for at most ``seconds``; raises what the gateway refuses it with."""
        cut: dict[str, Any] = self._ask({"do": "cut", "what": what, "mode": str(mode), "seconds": seconds})["cut"]
        return cut

    def mend(self) -> None:
        """End the cut."""
        self._ask({"do": "mend"})

    def state(self, project: str = "") -> dict[str, Any]:
        """What is cut, and what ``project`` spent and has reserved, in microcredits."""
        return self._ask({"do": "state", "project": project})

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        try:
            self._socket.sendall(answer_line(order))
            line = self._file.readline(_LARGEST_ANSWER)
        except OSError as error:
            raise _gone() from error
        if not line.endswith(b"\n"):
            raise _gone()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            kind = known_errors().get(str(answer["error"]["code"]), DrillError)
            raise kind(str(answer["error"]["message"]))
        return answer


def _gone() -> GatewayNotRunning:
    return GatewayNotRunning("The gateway hung up: see its log, and try again when it runs.")

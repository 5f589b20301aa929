"""An operator at a keyboard: every action of the demo is a `jazari` command in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jazari.cli import warm_start
from jazari.nodes.errors import DemoFailed

TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True)
class Operator:
    """Runs commands and keeps what was typed, so that a reader can do the same by hand."""

    environment: Mapping[str, str] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)

    def run(self, *arguments: str | Path, home: Path | None = None) -> dict[str, Any]:
        """The JSON that the command prints; ``DemoFailed`` with its own sentence if it fails."""
        finished = self._finish(arguments, home)
        document = _document(finished)
        if finished.status != 0:
            sentence = document.get("error", {}).get("message") or finished.err.strip()[-500:]
            raise DemoFailed(f"`{_typed(arguments)}` ended with {finished.status}: {sentence}")
        return document

    def finish(self, *arguments: str | Path) -> dict[str, Any]:
        """The JSON that the command prints, whatever its exit status says."""
        return _document(self._finish(arguments, None))

    @contextmanager
    def serving(self, home: Path) -> Iterator[subprocess.Popen[bytes]]:
        """A node that serves while the block runs: ``jazari serve`` with its output in ``run/serve.log``."""
        log = home / "run" / "serve.log"
        self.history.append(_typed(("serve", "--home", home)))
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", warm_start.MAIN, "serve", "--home", str(home)],
                stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=self._environment(),
            )  # fmt: skip
        try:
            yield process
        finally:
            _stop(process)

    def _finish(self, arguments: tuple[str | Path, ...], home: Path | None) -> warm_start.Ended:
        words = [*map(str, arguments), *(["--home", str(home)] if home else []), "--json"]
        self.history.append(_typed(words))
        return warm_start.run(words, self._environment(), TIMEOUT_SECONDS)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}


def _typed(arguments: Any) -> str:
    return "jazari " + " ".join(str(word) for word in arguments)


def _document(finished: warm_start.Ended) -> dict[str, Any]:
    try:
        document = json.loads(finished.out)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

"""The real `jazari` command, in a process of its own, for tests: what it printed, and how it ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jazari.cli import warm_start

REPOSITORY = Path(__file__).parents[2]
TIMEOUT_SECONDS = 180.0
# What the test run itself is told must not reach the commands: they belong to other homes.
_OURS = ("DJANGO_SETTINGS_MODULE", "JAZARI_HOME", "DATABASE_URL", "JAZARI_PASSPHRASE", "JAZARI_DEBUG")
_BUG = "core.bug"


class CommandFailed(AssertionError):
    """A command ended otherwise than the test expects."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, and what it wrote."""

    typed: str
    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON on standard output; empty if there is none."""
        try:
            found = json.loads(self.out)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def __str__(self) -> str:
        return f"`{self.typed}` ended with {self.status}\n{self.out[-3000:]}\n{self.err[-3000:]}"


@dataclass(frozen=True)
class Refusal:
    """An error as a person meets it: one sentence, a stable code, an exit status."""

    sentence: str
    code: str
    status: int


@dataclass(frozen=True)
class Commands:
    """Runs commands with ``environment`` added to this process' own. ``first_path``: where Python looks first."""

    environment: Mapping[str, str] = field(default_factory=dict)
    first_path: str = ""

    def argv(self, *words: str | Path) -> list[str]:
        """The command line of `jazari WORDS`."""
        return [sys.executable, "-m", warm_start.MAIN, *map(str, words)]

    def full_environment(self) -> dict[str, str]:
        """The environment that commands see."""
        own = {name: value for name, value in os.environ.items() if name not in _OURS}
        places = (self.first_path, str(REPOSITORY), os.environ.get("PYTHONPATH", ""))
        return own | {"PYTHONPATH": os.pathsep.join(filter(None, places))} | dict(self.environment)

    def end(
        self,
        *words: str | Path,
        home: Path | None = None,
        as_json: bool = True,
        before: Callable[[], None] | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> Ended:
        """Run a command to its end. ``before`` is called in its process first, e.g. to set limits."""
        typed = [*words, *(("--home", home) if home else ()), *(("--json",) if as_json else ())]
        if before is None and not self._changes_python():
            status, out, err = warm_start.run([str(word) for word in typed], self.full_environment(), timeout)
        else:
            ended = subprocess.run(
                self.argv(*typed),
                capture_output=True,
                text=True,
                env=self.full_environment(),
                stdin=subprocess.DEVNULL,
                preexec_fn=before,
                timeout=timeout,
                check=False,
            )
            status, out, err = ended.returncode, ended.stdout, ended.stderr
        return Ended("jazari " + " ".join(map(str, typed)), status, out, err)

    def _changes_python(self) -> bool:
        """Whether the interpreter itself must start as these commands say."""
        return bool(self.first_path) or any(name.startswith("PYTHON") for name in self.environment)

    def run(self, *words: str | Path, home: Path | None = None, **options: Any) -> dict[str, Any]:
        """The JSON that the command prints; fails the test with the command's own words if it fails."""
        ended = self.end(*words, home=home, **options)
        if ended.status != 0:
            raise CommandFailed(str(ended))
        return ended.document

    def refused(self, *words: str | Path, home: Path | None = None, **options: Any) -> Refusal:
        """The error that the command ends with, after checking that it has the form which is promised.

        One plain sentence and no traceback; a mistake of our own does not count as an error message.
        """
        ended = self.end(*words, home=home, **options)
        error = ended.document.get("error", {})
        sentence, code = str(error.get("message", "")), str(error.get("code", ""))
        well_formed = sentence.rstrip().endswith((".", "!", "?")) and "\n" not in sentence.strip()
        if ended.status == 0 or not well_formed or code in ("", _BUG) or "Traceback" in ended.out + ended.err:
            raise CommandFailed(f"no clear error: {ended}")
        return Refusal(sentence, code, ended.status)

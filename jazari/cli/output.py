"""What a command prints: a result for people or, with ``--json``, one JSON document on standard output.

Rich is imported only when a table or a live progress line is really drawn: simple commands start fast.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, TextIO

SILENT_SECONDS = 1.0
"""How long a command may say nothing."""
WIDTH_ELSEWHERE = 160
"""Columns of a table that is not printed to a terminal."""


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no JSON form")


class Progress:
    """A running step: ``describe`` changes its text, ``advance`` its bar when a total is known."""

    def __init__(self, describe: Callable[[str], None], advance: Callable[[float], None]) -> None:
        self.describe = describe
        self.advance = advance


class Output:
    """Where a command writes: results to standard output, progress and warnings to standard error."""

    def __init__(self, json_mode: bool = False, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.json_mode = json_mode
        self._stdout = stdout
        self._stderr = stderr

    @property
    def stdout(self) -> TextIO:
        """The stream of results."""
        return self._stdout or sys.stdout

    @property
    def stderr(self) -> TextIO:
        """The stream of progress, warnings and errors."""
        return self._stderr or sys.stderr

    def print_result(self, data: Mapping[str, Any], human: str | Callable[[], object] | None = None) -> None:
        """Print ``data`` as JSON in JSON mode; else ``human``: a text, or a function that prints."""
        if self.json_mode:
            self._write(json.dumps(data, ensure_ascii=False, indent=2, default=_plain))
        elif callable(human):
            human()
        elif human is not None:
            self._write(human)
        else:
            for name, value in data.items():
                self._write(f"{name}: {value}")

    def say(self, text: str) -> None:
        """One line for people; nothing in JSON mode."""
        if not self.json_mode:
            self._write(text)

    def warn(self, text: str) -> None:
        """One line on standard error, in both modes."""
        print(text, file=self.stderr, flush=True)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table for people; nothing in JSON mode (pass the same facts to ``print_result``)."""
        if self.json_mode:
            return
        from rich.console import Console
        from rich.table import Table

        table = Table(*columns, title=title or None, title_justify="left")
        for row in rows:
            table.add_row(*("" if cell is None else str(cell) for cell in row))
        # A file or a pipe has no width: do not cut what somebody may want to copy.
        width = None if self.stdout.isatty() else WIDTH_ELSEWHERE
        Console(file=self.stdout, markup=False, width=width).print(table)

    @contextmanager
    def progress(self, description: str, total: float | None = None) -> Iterator[Progress]:
        """Show ``description`` while the block runs: live on a terminal, else one line after 1 s."""
        if self.json_mode:
            yield Progress(lambda _text: None, lambda _step: None)
        elif self.stderr.isatty():
            with _live(description, total) as progress:
                yield progress
        else:
            with _one_line(description, self.stderr) as progress:
                yield progress

    def _write(self, text: str) -> None:
        print(text, file=self.stdout, flush=True)


@contextmanager
def _live(description: str, total: float | None) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()]
    if total is not None:
        columns.insert(2, BarColumn())
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=total)
        yield Progress(
            lambda text: bar.update(task, description=text),
            lambda step: bar.update(task, advance=step),
        )


@contextmanager
def _one_line(description: str, stream: TextIO) -> Iterator[Progress]:
    text = [description]
    timer = threading.Timer(SILENT_SECONDS, lambda: print(f"{text[0]} ...", file=stream, flush=True))
    timer.daemon = True
    timer.start()

    def describe(new: str) -> None:
        text[0] = new

    try:
        yield Progress(describe, lambda _step: None)
    finally:
        timer.cancel()

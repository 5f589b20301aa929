"""How a command is declared: ``make_app``, ``command`` and the options that all commands share.

::

    app = make_app("Studies: propose, approve, follow.")

    @command(app, "show", example="jazari study show dakhla/study/soil@1")
    def show(reference: str, home: HomeOption, as_json: JsonOption = False) -> None:
        '''Show one study.'''
        out = Output(as_json)
        ...
"""

from __future__ import annotations

import functools
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import typer

from jazari.cli.errors import UnexpectedFailure
from jazari.cli.machine import machine_error
from jazari.core.errors import JazariError

Function = TypeVar("Function", bound=Callable[..., Any])
INTERRUPTED = 130

_JSON = typer.Option("--json", help="Print one JSON document instead of text.")
JsonOption = Annotated[bool, _JSON]
HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="JAZARI_HOME", help="The node's home folder.", file_okay=False),
]


def make_app(help_text: str) -> typer.Typer:
    """An empty group of commands with the settings that all of ours share."""
    return typer.Typer(
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def command(app: typer.Typer, name: str, *, example: str, hidden: bool = False) -> Callable[[Function], Function]:
    """Register a function as the command ``name`` whose help ends with ``example``.

    The command itself turns errors into one sentence and an exit code; the decorated function is returned
    as it was, so that other code can call it.
    """

    def register(function: Function) -> Function:
        epilog = "\b\nExample:\n  " + example.strip().replace("\n", "\n  ")
        app.command(name, epilog=epilog, hidden=hidden)(_guarded(function))
        return function

    return register


def _guarded(function: Function) -> Callable[..., None]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            function(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except BaseException as error:
            raise typer.Exit(report_error(error, _wants_json(function, kwargs))) from error

    return run


def _wants_json(function: Callable[..., Any], arguments: dict[str, Any]) -> bool:
    hints = get_type_hints(function, include_extras=True)
    return any(arguments.get(name) for name, hint in hints.items() if _JSON in get_args(hint))


def report_error(error: BaseException, as_json: bool = False) -> int:
    """Tell the user about ``error`` on standard error, in one sentence, and return the exit code.

    With ``as_json`` it is ``{"error": {"code", "message"}}`` on standard output. Never a traceback, except
    with ``JAZARI_DEBUG=1``. ``SystemExit`` is not an error and goes on.
    """
    if isinstance(error, SystemExit):
        raise error
    if os.environ.get("JAZARI_DEBUG") == "1":
        traceback.print_exception(error, file=sys.stderr)
    code, message, status = _explain(error)
    if as_json:
        print(json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False), flush=True)
    else:
        print(message, file=sys.stderr, flush=True)
    return status


def _explain(error: BaseException) -> tuple[str, str, int]:
    if isinstance(error, KeyboardInterrupt):
        return "cli.interrupted", "Stopped; it is safe to run the same command again.", INTERRUPTED
    if isinstance(error, BrokenPipeError):
        return "cli.broken-pipe", "Nobody reads the output any more.", 1
    known = error if isinstance(error, JazariError) else machine_error(error) or _bug(error)
    return known.code, str(known), int(known.exit_code)


def _bug(error: BaseException) -> UnexpectedFailure:
    details = "".join(traceback.format_exception(error))
    try:
        descriptor, name = tempfile.mkstemp(prefix="jazari-bug-", suffix=".log")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(details)
    except OSError:
        name = "nowhere (no temporary folder is writable); run again with JAZARI_DEBUG=1"
    return UnexpectedFailure(
        f"Jazari made a mistake ({type(error).__name__}); please report it with the details kept in {name}."
    )

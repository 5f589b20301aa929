"""Errors of the command line itself.

CliError
├── UnexpectedFailure    core.bug                a defect of ours; details are in the file it names
├── PassphraseMissing    cli.passphrase-missing  nobody can be asked and none was given
└── PassphraseUnusable   cli.passphrase-unusable empty, unreadable or typed differently twice
"""

from __future__ import annotations

from jazari.core.errors import ExitCode, JazariError


class CliError(JazariError):
    code = "cli.failed"


class UnexpectedFailure(CliError):
    """A defect in Jazari: the user sees one sentence, the traceback goes to a private file."""

    code = "core.bug"


class PassphraseMissing(CliError):
    code = "cli.passphrase-missing"
    exit_code = ExitCode.USAGE


class PassphraseUnusable(CliError):
    code = "cli.passphrase-unusable"
    exit_code = ExitCode.USAGE

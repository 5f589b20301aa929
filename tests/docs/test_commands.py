"""The reference of commands says what the code says, and every command does what its help promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jazari.core.errors import ExitCode
from jazari.testing.commands import Ended
from tests.docs import commands_page, errors_page
from tests.docs.command_tree import Command, commands
from tests.docs.examples import MAKE_A_HOME, NOT_TO_AN_END, Place, found, words_of

ALL = {command.name: command for command in commands()}
WRITE_IT = "run `python -m tests.docs.write_reference` and read what changed"
SPEAK_OTHERWISE = {"jazari catalog croissant": "prints JSON in any case", "jazari demo": "writes JSON with --report"}
# The examples that cannot end well in the network of these tests, and what they must say then.
END_OTHERWISE = {
    "jazari root admit": "federation.enrolment-missing",  # nobody called fes asked
    "jazari root finish": "trust.ceremony-outdated",  # that ceremony was finished already
    "jazari root revoke": "trust.bad-ceremony",  # dakhla was never admitted
    "jazari board sign": "trust.needs-confirmation",  # nobody can be asked in a test
    "jazari board key create": "cli.passphrase-missing",  # nor for a passphrase
    "jazari institute create": "cli.passphrase-missing",
    "jazari study run": "studies.not-runnable",  # the example before has refused it
    "jazari study withdraw-approval": "studies.study-not-found",
    "jazari study watch": "studies.timed-out",  # no worker runs here
    "jazari study cancel": "trust.card-refused",  # there is no such run to withdraw
    "jazari study result": "studies.study-not-found",
    "jazari model publish": "studies.study-not-found",  # nor is there a result that holds a model
    "jazari model show": "studies.model-not-found",
    "jazari model fetch": "studies.model-not-found",
    "jazari model predict": "studies.model-not-found",
    "jazari model add-evaluation": "studies.model-not-found",
    "jazari gateway check": "gateway.problems-found",  # a first gateway.toml names no route
    "jazari gateway offer": "gateway.bad-offer",  # nor offers anything
    "jazari models add": "core.unavailable",  # no model lies here
    "jazari models verify": "gateway.no-such-model-file",
    "jazari models remove": "gateway.no-such-model-file",
    "jazari routes explain": "gateway.no-such-route",
    "jazari people grant": "accounts.person-unknown",  # the invitation was not accepted
    "jazari people revoke": "accounts.person-unknown",
    "jazari people deactivate": "accounts.person-unknown",
    "jazari people client remove": "accounts.bad-client",
    "jazari people provider add": "core.unavailable",  # no file has its secret
    "jazari people provider remove": "accounts.bad-provider",
    "jazari gateway playground": "gateway.project-not-found",
    "jazari receipt show": "gateway.receipt-not-found",  # nothing was ever asked
    "jazari chat": "gateway.no-secret",  # no key lies here
    "jazari projects close": "gateway.project-not-found",  # the examples of keys go on with the other one
    "jazari drill run": "gateway.nothing-to-cut",  # a first gateway.toml names no provider
    "jazari drill publish": "core.unavailable",  # nor a report
    "jazari drill show": "catalog.item-not-found",
}


def named(command: Command) -> str:
    return command.name


def test_the_page_is_that_of_the_code() -> None:
    assert commands_page.PAGE.read_text(encoding="utf-8") == commands_page.render(), WRITE_IT


def test_every_exit_code_has_a_meaning() -> None:
    assert set(commands_page.MEANINGS) == set(ExitCode)


@pytest.mark.parametrize("command", ALL.values(), ids=named)
def test_help_is_complete(command: Command) -> None:
    assert command.help.endswith(".")
    assert command.example.startswith("jazari ")
    assert [item.name for item in command.command.params if not getattr(item, "help", "")] == []
    assert command.has("--json") or command.name in SPEAK_OTHERWISE


@pytest.mark.parametrize("command", [c for c in ALL.values() if c.needs_home and c.name not in MAKE_A_HOME], ids=named)
def test_without_a_home_it_ends_with_one_sentence(command: Command, tmp_path: Path) -> None:
    """In a fresh process: what imports tables before Django is ready fails here."""
    place = Place(tmp_path)
    ended = place.run([*words_of(command), "--home", place.folder / "nothing"])
    assert ended.status == ExitCode.NOT_FOUND, str(ended)
    assert "is not the home of a node" in ended.err
    assert ended.err.count("\n") == 1
    assert ended.out == ""


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    server = found(place)
    yield place
    server.terminate()
    server.wait(20)


@pytest.mark.slow
@pytest.mark.long
def test_in_a_real_network_every_example_runs_or_says_why_not(network: Place) -> None:
    """One after the other, in the order of ``jazari --help``, in which the examples of one life follow each other."""
    wrong = {}
    for command in ALL.values():
        if command.name not in NOT_TO_AN_END:
            ended = network.example(command)
            complaint = complaint_about(ended, END_OTHERWISE.get(command.name, ""))
            if complaint:
                wrong[command.name] = f"{complaint}: {ended}"
    assert wrong == {}


def complaint_about(ended: Ended, expected: str) -> str:
    """What is wrong with how a command ended that should end with the error ``expected``, or well."""
    error = ended.document.get("error", {})
    if "Traceback" in ended.out + ended.err:
        return "a traceback"
    if error.get("code", "") != expected:
        return f"should end with {expected or 'no error'}"
    if not error:
        return "" if ended.status == 0 and ended.document else "should print JSON"
    if ended.status != int(errors_page.errors()[error["code"]].exit_code):
        return "the exit code is not that of the error"
    return "" if error["message"].endswith(".") and "\n" not in error["message"] else "not one sentence"

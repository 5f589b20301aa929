"""``jazari institute`` and ``jazari sync``: create an institute, join a network, keep up with it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.cli.passphrases import PassphraseFileOption, PlainOption, new_passphrase
from jazari.federation.options import (
    ListenOption,
    PortalOriginOption,
    PortalPortOption,
    PortOption,
    RegionOption,
    TitleOption,
    parse_titles,
    prepare,
    region_code,
)

institute_app = make_app("Create an institute, join a network, change keys.")
app = make_app("Keep up with the network.")


@command(
    institute_app,
    "create",
    example='jazari institute create dakhla --title "fr=Institut de Dakhla" --region MA-12 --plain \\\n'
    "    --steward-key /media/steward/steward.pem --home dakhla",
)
def create(
    namespace: Annotated[str, typer.Argument(help="2 to 40 small letters, digits and hyphens; for good.")],
    *,
    home: HomeOption,
    title: TitleOption,
    region: RegionOption = "",
    listen: ListenOption = "127.0.0.1",
    port: PortOption = 8444,
    portal_port: PortalPortOption = 0,
    portal_origin: PortalOriginOption = "",
    steward_key: Annotated[Path | None, typer.Option(help="Where to keep the steward's key, apart.")] = None,
    steward_public: Annotated[
        list[Path] | None, typer.Option(help="Public key of a steward who has a key already; repeat.")
    ] = None,
    steward_passphrase_file: Annotated[Path | None, typer.Option(help="Passphrase of the steward's key.")] = None,
    steward_plain: Annotated[bool, typer.Option(help="Keep the steward's key without passphrase.")] = False,
    passphrase_file: PassphraseFileOption = None,
    plain: PlainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the institute's home with its publishing, steward and engine keys. Nothing is sent."""
    from jazari.federation.joining import create_institute
    from jazari.settings.home import NodeConfig
    from jazari.trust.keys import read_public_key

    out = Output(as_json)
    config = NodeConfig(
        role="institute",
        namespace=namespace,
        host=listen,
        port=port,
        portal_port=portal_port,
        portal_origin=portal_origin.rstrip("/"),
        region=region_code(region, home),
        titles=parse_titles(title),
        steward_key=str(steward_key.absolute()) if steward_key else "",
    )
    stewards = [read_public_key(path) for path in steward_public or ()]
    passphrase = new_passphrase(passphrase_file, plain, "the publishing key")
    steward = None if stewards else _steward_passphrase(steward_passphrase_file, steward_plain)
    with out.progress("Making the institute's keys"):
        node = create_institute(home, config, passphrase, steward, stewards)
        prepare(home, migrate=True)
    facts = {"home": node.path, "namespace": namespace, "publishing_key": node.publishing_key}
    facts |= {"steward_key": None if stewards else node.steward_key}
    out.print_result(
        facts, f"{namespace} lives in {node.path}. Next: `jazari institute request --network network.json`."
    )


def _steward_passphrase(file: Path | None, plain: bool) -> bytes | None:
    return new_passphrase(file, plain, "the steward's key", variable="JAZARI_STEWARD_PASSPHRASE")


@command(institute_app, "request", example="jazari institute request --network network.json --home dakhla")
def request(
    home: HomeOption,
    network: Annotated[Path, typer.Option(help="The network's invitation, network.json.")],
    to_file: Annotated[Path | None, typer.Option(help="Write the request to a file instead of sending it.")] = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask to be admitted. Tell the Root the digest by telephone, so that it knows the request is yours."""
    node = prepare(home)
    from jazari.core.files import write_atomic
    from jazari.federation import joining
    from jazari.settings.network import NetworkFile

    out = Output(as_json)
    signed = joining.make_request(node, NetworkFile.read(network), passphrase_file)
    if to_file is not None:
        write_atomic(to_file, signed.to_bytes())
        state = {"digest": signed.request.digest, "namespace": node.namespace, "state": "written"}
    else:
        with out.progress("Sending the request"):
            state = joining.send_request(node, signed)
    out.print_result(
        {**state, "file": to_file}, f"The request is {state['state']}; its digest begins {state['digest'][7:23]}."
    )


@command(institute_app, "join", example="jazari institute join --wait 60 --home dakhla")
def join(
    home: HomeOption,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the board's signature.", min=0)] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Check what the board signed against what was asked, and install it: the engine's kit, or changed keys."""
    node = prepare(home)
    from jazari.federation import exchange, joining, rotation

    out = Output(as_json)
    reader = exchange.open_reader(joining.require_institute(node))
    with out.progress("Reading the network's directory"):
        directory = _wait_for_board(node, reader, wait)
    rotated = rotation.switch_keys(node, directory)
    entry = joining.join(node, directory)
    facts = {"namespace": entry.namespace, "network": directory.network_name, "rotated": rotated}
    out.print_result(facts, f"{entry.namespace} is a member of {directory.network_name}. Next: `jazari serve`.")


def _wait_for_board(node: Any, reader: Any, seconds: float) -> Any:
    from jazari.federation import exchange

    deadline = time.monotonic() + seconds
    while True:
        exchange.sync(node, reader)
        directory = reader.directory()
        if node.namespace in directory.entries or time.monotonic() >= deadline:
            return directory
        time.sleep(0.5)


@command(institute_app, "status", example="jazari institute status --home dakhla")
def status(home: HomeOption, as_json: JsonOption = False) -> None:
    """Show this institute: member or not, how far it has read, what its worker does."""
    node = prepare(home)
    from jazari.federation import standing

    out = Output(as_json)
    facts = standing.institute_status(node)

    def show() -> None:
        membership = facts["membership"].rstrip(".")
        out.say(f"{facts['namespace']} in {facts['network'] or 'no network'}: {membership}.")
        out.say("Processes: " + (", ".join(facts["processes"]) or "none; run `jazari serve`"))
        for name, problem in facts["problems"].items():
            out.say(f"{name}: {problem}")

    out.print_result(facts, show)


@command(institute_app, "rotate-keys", example="jazari institute rotate-keys --plain --home dakhla")
def rotate_keys(
    home: HomeOption,
    to_file: Annotated[Path | None, typer.Option(help="Write the request to a file instead of sending it.")] = None,
    passphrase_file: PassphraseFileOption = None,
    plain: PlainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the next publishing key and ask the board for it (and a fresh engine certificate); then join again."""
    node = prepare(home)
    from jazari.core.files import write_atomic
    from jazari.federation import joining, rotation

    out = Output(as_json)
    passphrase = new_passphrase(passphrase_file, plain, "the next publishing key")
    with out.progress("Preparing the new key"):
        signed = rotation.prepare_rotation(node, passphrase, passphrase_file)
    if to_file is not None:
        write_atomic(to_file, signed.to_bytes())
        state = {"digest": signed.request.digest, "namespace": node.namespace, "state": "written"}
    else:
        state = joining.send_request(node, signed)
    sentence = f"The request is {state['state']}. Publish nothing until the board has signed; then join again."
    out.print_result({**state, "file": to_file}, sentence)


@command(app, "sync", example="jazari sync --home dakhla")
def sync(home: HomeOption, as_json: JsonOption = False) -> None:
    """Read what is new in the network, verify it, and bring the catalogue up to date."""
    node = prepare(home)
    from jazari.federation import exchange

    out = Output(as_json)
    with out.progress("Reading the network"):
        report = exchange.sync(node)
    new = len(report.new_records)
    facts = {"changed": report.changed, "new_records": new, "bytes_downloaded": report.bytes_downloaded}
    problems = {namespace: str(error) for namespace, error in report.problems.items()}
    for problem in problems.values():
        out.warn(problem)
    out.print_result({**facts, "problems": problems}, f"{new} new records from {len(report.changed)} institutes.")

"""``jazari root``: found a network and look after its institutes. Every change is a ceremony of the board."""

from __future__ import annotations

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
    RegionOption,
    TitleOption,
    ceremony_facts,
    parse_titles,
    port_of,
    prepare,
    region_code,
)

root_app = make_app("Found a network and look after its institutes. Every change is signed by the board.")

BoardOption = Annotated[list[Path], typer.Option("--board", help="Public key file of a board member; repeat.")]
ThresholdOption = Annotated[int, typer.Option("--threshold", help="How many members must sign.", min=1)]


@command(
    root_app,
    "create",
    example='jazari root create "Jazari" --board amina.pem.pub --board brahim.pem.pub --board chadia.pem.pub '
    "--threshold 2 \\\n    --url https://root.example.ma:8443 --plain --home root",
)
def create(
    name: Annotated[str, typer.Argument(help="The network's name.")],
    *,
    home: HomeOption,
    board: BoardOption,
    threshold: ThresholdOption = 2,
    url: Annotated[str, typer.Option(help="Where nodes reach this Root.")] = "https://127.0.0.1:8443",
    listen: ListenOption = "127.0.0.1",
    engine_host: Annotated[str, typer.Option(help="Address of the study engine.")] = "127.0.0.1",
    engine_port: Annotated[int, typer.Option(help="Port of the study engine.", min=1, max=65535)] = 8002,
    host_name: Annotated[list[str] | None, typer.Option(help="Further name or address of this server.")] = None,
    namespace: Annotated[str, typer.Option(help="Namespace of the Root's own log.")] = "network",
    title: TitleOption = [],  # noqa: B006  typer copies it
    region: RegionOption = "",
    portal_port: PortalPortOption = 0,
    portal_origin: PortalOriginOption = "",
    passphrase_file: PassphraseFileOption = None,
    plain: PlainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the Root's home, keys and certificate, and the ceremony file that founds the network."""
    from jazari.federation.founding import Board, create_root
    from jazari.settings.home import NodeConfig
    from jazari.trust.keys import read_public_key

    out = Output(as_json)
    members = Board([read_public_key(path) for path in board], threshold)
    config = NodeConfig(
        role="root",
        namespace=namespace,
        network=name,
        root_url=url.rstrip("/"),
        host=listen,
        port=port_of(url),
        engine_host=engine_host,
        engine_port=engine_port,
        portal_port=portal_port,
        portal_origin=portal_origin.rstrip("/"),
        region=region_code(region, home),
        titles=parse_titles(title) or {"fr": name},
    )
    passphrase = new_passphrase(passphrase_file, plain, "the Root's online keys")
    with out.progress("Making the Root's keys"):
        path = create_root(home, config, members, passphrase, host_name or ())
        prepare(home, migrate=True)
    facts, sentence = ceremony_facts(path, {"home": home, "namespace": namespace})
    out.print_result(facts, sentence)


@command(root_app, "requests", example="jazari root requests --home root")
def requests(home: HomeOption, as_json: JsonOption = False) -> None:
    """List the requests to join or to change keys that wait."""
    node = prepare(home)
    from jazari.federation import admissions, root_node

    out = Output(as_json)
    directory = root_node.repository(node).committed().directory
    rows = admissions.enrolments(directory)

    def show() -> None:
        if not rows:
            out.say("No request waits.")
            return
        columns = ["namespace", "kind", "state", "received", "region", "title", "digest"]
        cells = [
            [row["namespace"], row["kind"], row["state"], row["received"], row["region"],
             next(iter(row["titles"].values())), row["digest"][7:23]]
            for row in rows
        ]  # fmt: skip
        out.table("Requests", columns, cells)

    out.print_result({"requests": rows}, show)


@command(root_app, "receive", example="jazari root receive dakhla-request.json --home root")
def receive(
    file: Annotated[Path, typer.Argument(help="The request, as `jazari institute request --to-file` wrote it.")],
    home: HomeOption,
    as_json: JsonOption = False,
) -> None:
    """Take in a request that was brought as a file instead of over the network."""
    node = prepare(home)
    from jazari.core.files import plain_os_errors
    from jazari.federation import admissions, root_node
    from jazari.federation.rules import LARGEST_ENROLMENT

    out = Output(as_json)
    directory = root_node.repository(node).committed().directory
    with plain_os_errors(file), file.open("rb") as stream:
        body = stream.read(LARGEST_ENROLMENT + 1)
    state = admissions.receive_enrolment(directory, body)
    out.print_result(state, f"The request of {state['namespace']} is {state['state']} ({state['digest'][7:23]}).")


@command(root_app, "admit", example="jazari root admit dakhla fes souss --home root")
def admit(
    names: Annotated[list[str], typer.Argument(help="Namespaces, or the first digits of requests' digests.")],
    home: HomeOption,
    as_json: JsonOption = False,
) -> None:
    """Put requests before the board: one ceremony file for all of them. Compare the digests first."""
    node = prepare(home)
    from jazari.federation import governing

    out = Output(as_json)
    with out.progress("Preparing the ceremony"):
        path, admitted = governing.propose_requests(node, names)
    facts, sentence = ceremony_facts(path, {"namespaces": admitted})
    out.print_result(facts, sentence)


@command(root_app, "refuse", example='jazari root refuse dakhla --reason "Not a member yet." --home root')
def refuse(
    name: Annotated[str, typer.Argument(help="A namespace, or the first digits of the request's digest.")],
    home: HomeOption,
    reason: Annotated[str, typer.Option(help="What the institute is told.")],
    as_json: JsonOption = False,
) -> None:
    """Refuse a request; the institute is told why when it asks."""
    prepare(home)
    from jazari.federation import admissions

    row = admissions.find(name)
    admissions.refuse(row, reason)
    Output(as_json).print_result(
        {"namespace": row.namespace, "digest": row.digest, "state": "refused"}, f"{row.namespace} is refused."
    )


@command(root_app, "finish", example="jazari root finish signed/amina.json signed/brahim.json --home root")
def finish(
    files: Annotated[list[Path], typer.Argument(help="Signed copies of one ceremony file.")],
    home: HomeOption,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Install a ceremony that enough of the board has signed."""
    node = prepare(home)
    from jazari.federation import admissions, founding

    out = Output(as_json)
    with out.progress("Installing the ceremony"):
        directory = founding.finish(node, files, passphrase_file)
        admissions.mark_admitted(directory)
    active = [entry.namespace for entry in directory.active()]
    facts = {"network": directory.network_name, "active": active, "network_file": node.network_file}
    out.print_result(
        facts, f"Done. {len(active)} nodes are active: {', '.join(active)}. Newcomers get {node.network_file}."
    )


@command(root_app, "status", example="jazari root status --home root")
def status(home: HomeOption, as_json: JsonOption = False) -> None:
    """Show the network: who is online, what waits, how long the signatures hold, which processes run."""
    node = prepare(home)
    from jazari.federation import governing

    out = Output(as_json)
    facts = governing.root_status(node)
    out.print_result(facts, lambda: _show_status(out, facts))


def _show_status(out: Output, facts: dict[str, Any]) -> None:
    out.say(f"{facts['network']}, version {facts['version']}; signatures hold {facts['days_valid']} more days.")
    out.say("Processes: " + (", ".join(facts["processes"]) or "none; run `jazari serve`"))
    columns = ["institute", "region", "status", "online", "last seen"]
    rows = [
        [row["namespace"], row["region"], row["status"], "online" if row["online"] else "offline", row["last_seen"]]
        for row in facts["institutes"]
    ]
    out.table("Institutes", columns, rows)
    if facts["requests"]:
        out.say(f"{facts['requests']} requests wait: see `jazari root requests`.")


@command(root_app, "revoke", example="jazari root revoke dakhla --home root")
def revoke(
    namespace: Annotated[str, typer.Argument(help="The institute that is revoked.")],
    home: HomeOption,
    version: Annotated[int | None, typer.Option(help="Last good log version (the newest if left out).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Prepare the ceremony that ends an institute's rights; what it published up to then stays verifiable."""
    node = prepare(home)
    from jazari.federation import founding, root_node
    from jazari.trust.ceremonies.proposals import propose_revocation

    file = propose_revocation(root_node.repository(node), namespace, version)
    facts, sentence = ceremony_facts(founding.propose(node, file), {"namespace": namespace})
    Output(as_json).print_result(facts, sentence)


@command(root_app, "rotate-board", example="jazari root rotate-board --board a.pub --board b.pub --board d.pub")
def rotate_board(
    home: HomeOption, board: BoardOption, threshold: ThresholdOption = 2, as_json: JsonOption = False
) -> None:
    """Prepare the ceremony for other board members or another threshold; the present board signs as well."""
    node = prepare(home)
    from jazari.federation import founding, root_node
    from jazari.trust.ceremonies.proposals import propose_root_rotation
    from jazari.trust.keys import read_public_key

    keys = [read_public_key(path) for path in board]
    file = propose_root_rotation(root_node.repository(node), keys, threshold)
    facts, sentence = ceremony_facts(founding.propose(node, file), {"members": len(keys), "threshold": threshold})
    Output(as_json).print_result(facts, sentence)


@command(root_app, "rotate-keys", example="jazari root rotate-keys --plain --home root")
def rotate_keys(
    home: HomeOption,
    passphrase_file: PassphraseFileOption = None,
    plain: PlainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make new online keys and the ceremony that puts them in force."""
    node = prepare(home)
    from jazari.federation import governing

    passphrase = new_passphrase(passphrase_file, plain, "the Root's new online keys")
    facts, sentence = ceremony_facts(governing.propose_online_keys(node, passphrase), {})
    Output(as_json).print_result(facts, sentence)


@command(root_app, "renew", example="jazari root renew --home root")
def renew(home: HomeOption, as_json: JsonOption = False) -> None:
    """Prepare the ceremony that renews the board's signatures before they expire."""
    node = prepare(home)
    from jazari.federation import founding, root_node
    from jazari.trust.ceremonies.proposals import propose_renewal

    file = propose_renewal(root_node.repository(node))
    facts, sentence = ceremony_facts(founding.propose(node, file), {})
    Output(as_json).print_result(facts, sentence)

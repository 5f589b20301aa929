"""``jazari board``, ``jazari verify`` and ``jazari mirror``: what needs files and keys, and no running node."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jazari.cli.app import JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.cli.passphrases import PassphraseFileOption, PlainOption, new_passphrase, passphrase_reader
from jazari.core.errors import ExitCode
from jazari.settings.home import Home
from jazari.settings.network import NetworkFile
from jazari.trust.errors import SourceUnavailable, TrustError

if TYPE_CHECKING:
    from jazari.trust.reading import Reader
    from jazari.trust.repository import Repository
    from jazari.trust.sources import Source

board_app = make_app("The board's offline part: keys, review, signatures.")
key_app = make_app("Make and look at keys.")
board_app.add_typer(key_app, name="key")
app = make_app("Verify and copy what a network published.")

NetworkOption = Annotated[
    Path | None,
    typer.Option("--network", help="The network file (network.json) that you trust.", dir_okay=False),
]
CeremonyArgument = Annotated[Path, typer.Argument(help="The ceremony file.", dir_okay=False)]


class NeedsConfirmation(TrustError):
    """Nobody confirmed a signature."""

    code = "trust.needs-confirmation"
    exit_code = ExitCode.USAGE


class NothingToCopy(TrustError):
    """A mirror was asked for, and nothing says of what."""

    code = "trust.nothing-to-copy"
    exit_code = ExitCode.USAGE


@command(key_app, "create", example="jazari board key create amina.pem")
def create_key(
    path: Annotated[Path, typer.Argument(help="Where the private key goes; PATH.pub is for others.")],
    *,
    plain: PlainOption = False,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key pair: Ed25519, encrypted with a passphrase unless --plain."""
    from jazari.trust.keys import generate_key

    made = generate_key(path, new_passphrase(passphrase_file, plain, f"the new key {path}"))
    kept = "NOT encrypted: whoever can read the file can sign" if plain else "encrypted with the passphrase"
    Output(as_json).print_result(
        {"private": str(path), "public": str(made.path), "key": made.keyid, "encrypted": not plain},
        f"Key {made.keyid[:16]} made.\n  private: {path} ({kept}; keep a copy offline)\n"
        f"  public:  {made.path} (give this one to the Root)",
    )


@command(key_app, "show", example="jazari board key show amina.pem.pub")
def show_key(
    path: Annotated[Path, typer.Argument(help="A .pub file.", dir_okay=False)], *, as_json: JsonOption = False
) -> None:
    """Show the id of a public key, to compare it by voice."""
    from jazari.trust.ceremonies.describing import short
    from jazari.trust.keys import key_id, read_public_key

    keyid = key_id(read_public_key(path))
    Output(as_json).print_result({"key": keyid}, f"{short(keyid)} ({keyid})")


@command(board_app, "review", example="jazari board review admission.json --network network.json")
def review(file: CeremonyArgument, *, network: NetworkOption = None, as_json: JsonOption = False) -> None:
    """Say in sentences what signing a ceremony file changes. Everything in it is checked first."""
    from jazari.trust.ceremonies.ceremony_file import CeremonyFile
    from jazari.trust.ceremonies.describing import describe

    sentences = describe(CeremonyFile.read(file), _trusted(network))
    checked = network is not None
    Output(as_json).print_result(
        {"file": str(file), "changes": sentences, "checked_against_network": checked},
        "\n".join(f"- {sentence}" for sentence in sentences) + _unpinned(checked),
    )


@command(board_app, "sign", example="jazari board sign admission.json --key amina.pem --network network.json")
def sign(
    file: CeremonyArgument,
    *,
    key: Annotated[Path, typer.Option("--key", help="Your private board key.", dir_okay=False)],
    network: NetworkOption = None,
    passphrase_file: PassphraseFileOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Sign without asking; review it first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Sign a ceremony file in place with your board key, after showing what it changes."""
    from jazari.trust.ceremonies.ceremony_file import CeremonyFile
    from jazari.trust.ceremonies.describing import describe
    from jazari.trust.ceremonies.signing import sign_ceremony
    from jazari.trust.keys import load_signer

    trusted = _trusted(network)
    out = Output(as_json)
    for sentence in describe(CeremonyFile.read(file), trusted):
        out.say(f"- {sentence}")
    _confirm(yes)
    signer = load_signer(key, passphrase_reader(passphrase_file, f"the board key {key}"))
    signed = sign_ceremony(file, signer, trusted)
    sentences = describe(signed, trusted)
    out.print_result(
        {"file": str(file), "key": signer.public_key.keyid, "state": sentences[-1]},
        f"Signed with key {signer.public_key.keyid[:16]}. {sentences[-1]}",
    )


@command(
    app,
    "verify",
    example="jazari verify usb-stick/mirror --network network.json\n"
    "jazari verify old-mirror --network network.json --as-of 2026-11-01",
)
def verify(
    folder: Annotated[Path, typer.Argument(help="The mirror folder.", file_okay=False)],
    *,
    network: Annotated[Path, typer.Option("--network", help="The network file that you trust.", dir_okay=False)],
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Judge expiry on this date (2026-11-01) instead of now.")
    ] = None,
    records_only: Annotated[bool, typer.Option("--records-only", help="Do not look at the records' files.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Verify a whole mirror offline: signatures, histories, records and files. Writes nothing."""
    from jazari.trust.verification import verify_folder

    out = Output(as_json)
    moment = _moment(as_of) if as_of else None
    trusted = NetworkFile.read(network).trusted_root_bytes
    with out.progress(f"Verifying {folder}"):
        report = verify_folder(folder, trusted, moment, with_files=not records_only)
    lines = [
        f"{report.network or 'Unknown network'}: {len(report.institutes)} institutes, "
        f"{report.records_verified} records and {report.files_verified} files verified.",
        *(f"Expired: {sentence}" for sentence in report.expired),
        *(f"Problem: {sentence}" for sentence in report.problems),
        "Everything verifies." if report.ok else "NOT everything verifies.",
    ]
    out.print_result(report.to_json(), "\n".join(lines))
    if not report.ok:
        raise typer.Exit(ExitCode.UNTRUSTED)


@command(app, "mirror", example="jazari mirror /media/usb/jazari --home institute")
def mirror(
    folder: Annotated[Path, typer.Argument(help="Where the mirror goes; run again to update it.")],
    *,
    home: Annotated[
        Path | None, typer.Option("--home", envvar="JAZARI_HOME", help="Copy from this node.", file_okay=False)
    ] = None,
    network: NetworkOption = None,
    records_only: Annotated[bool, typer.Option("--records-only", help="Leave the records' files out.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy the whole network into a folder that anybody can verify, carry and read from."""
    from jazari.trust.mirroring import write_mirror

    out = Output(as_json)
    with out.progress(f"Writing {folder}"):
        origin = _origin(home, network, folder, out)
        report = write_mirror(origin, folder, with_files=not records_only)
    out.print_result(
        {
            "folder": str(folder),
            "institutes": list(report.institutes),
            "records": report.records,
            "files_copied": report.files_copied,
        },
        f"{folder} holds {report.records} records of {len(report.institutes)} institutes "
        f"({report.files_copied} files copied).",
    )


def _origin(home: Path | None, network: Path | None, folder: Path, out: Output) -> Repository | Reader:
    """The Root's repository, or a reader: of an outsider with a network file, or of the node in ``home``."""
    from jazari.trust.reading import Reader
    from jazari.trust.repository import Repository

    if network is not None:
        return _refreshed(Reader(folder / ".reader", *_source(network)), out)
    if home is None:
        raise NothingToCopy("Say where to copy from: give --home or --network.")
    node = Home.open(home)
    if node.is_root:
        return Repository(node.repository)
    return _refreshed(Reader(node.mirror, *_source(node.network_file)), out)


def _source(network: Path) -> tuple[Source, bytes]:
    from jazari.trust.http_source import HttpSource

    file = NetworkFile.read(network)
    return HttpSource(f"{file.root_url}/repository", file.tls_certificate_pem), file.trusted_root_bytes


def _refreshed(reader: Reader, out: Output) -> Reader:
    """The reader after a refresh; when the Root is out of reach, what is known already is copied."""
    try:
        problems = reader.refresh().problems
    except SourceUnavailable as error:
        reader.directory()
        out.warn(f"{error} What was known before is copied.")
    else:
        for problem in problems.values():
            out.warn(str(problem))
    return reader


def _trusted(network: Path | None) -> bytes | None:
    return NetworkFile.read(network).trusted_root_bytes if network else None


def _unpinned(checked: bool) -> str:
    return "" if checked else "\nNot compared with a network file that you trust: give --network to do so."


def _confirm(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise NeedsConfirmation("Nobody can be asked here: review the file, then give --yes.")
    typer.confirm("Sign this?", abort=True)


def _moment(text: str) -> datetime:
    """A date means its end, in UTC; a moment is taken as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("write a date like 2026-11-01", param_hint="--as-of") from error
    if len(text) == len("2026-11-01"):
        moment += timedelta(days=1, seconds=-1)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

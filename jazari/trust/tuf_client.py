"""The command line that ``tuf-conformance`` drives, on our own fetcher: ``python -m jazari.trust.tuf_client``.

See docs/how-to/run-tuf-conformance.md. It is a plain TUF client: nothing of Jazari's own rules is in it, so
that what passes is the way we use ``tuf.ngclient`` and the way we fetch.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jazari.core.files import write_atomic
from jazari.trust.errors import TrustError
from jazari.trust.http_source import HttpSource
from jazari.trust.sources import SourceFetcher
from jazari.trust.tuf_errors import as_trust_errors
from jazari.trust.tuf_updater import Updater


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (``init``, ``refresh``, ``download``); 0 if it succeeded, else 1."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except TrustError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    metadata = Path(options.metadata_dir)
    if options.command == "init":
        write_atomic(metadata / "root.json", Path(options.trusted_root).read_bytes())
        return
    source = HttpSource("")
    try:
        with as_trust_errors():
            _update(options, SourceFetcher(source, prefix="", parts=metadata / "parts"))
    finally:
        source.close()


def _update(options: argparse.Namespace, fetcher: SourceFetcher) -> None:
    updater = Updater(
        options.metadata_dir,
        options.metadata_url,
        getattr(options, "target_dir", None),
        getattr(options, "target_base_url", None),
        fetcher=fetcher,
        bootstrap=None,
    )
    updater.refresh()
    if options.command == "download":
        _download(updater, options.target_name)


def _download(updater: Updater, name: str) -> None:
    info = updater.get_targetinfo(name)
    if info is None:
        raise TrustError(f"The target {name!r} is not in the repository: check its name.")
    if updater.find_cached_target(info) is None:
        updater.download_target(info)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m jazari.trust.tuf_client", description=__doc__)
    parser.add_argument("--metadata-url", default="")
    parser.add_argument("--metadata-dir", required=True)
    parser.add_argument("--target-name")
    parser.add_argument("--target-dir")
    parser.add_argument("--target-base-url")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("trusted_root")
    commands.add_parser("refresh")
    commands.add_parser("download")
    return parser


if __name__ == "__main__":
    sys.exit(main())

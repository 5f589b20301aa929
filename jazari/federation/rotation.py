"""Changing an institute's publishing key: a new key, one request signed by both, and the switch once admitted."""

from __future__ import annotations

from pathlib import Path

from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.core.files import plain_os_errors, write_atomic
from jazari.federation import hooks
from jazari.federation.enrolment import EnrolmentRequest, SignedEnrolment, parse_enrolment, sign_enrolment
from jazari.federation.exchange import open_reader
from jazari.federation.invitation import network_of
from jazari.federation.joining import require_institute, steward_keys
from jazari.federation.root_node import open_key
from jazari.settings.home import Home
from jazari.trust.directory import Directory
from jazari.trust.keys import Signer, generate_key, key_id, public_key, read_public_key
from jazari.trust.publishing import Publisher


def prepare_rotation(home: Home, passphrase: bytes | None, passphrase_file: Path | None = None) -> SignedEnrolment:
    """Make the next publishing key (once) and the request for it, signed by the present and the next key.

    ``passphrase`` encrypts the new key. Nothing must be published until the board has signed; publishing
    in between makes the request outdated, and this is run again.
    """
    present = open_key(require_institute(home).publishing_key, passphrase_file)
    if not next_key(home).exists():
        generate_key(next_key(home), passphrase)
    following = open_key(next_key(home), passphrase_file)
    reader = open_reader(home)
    reader.refresh()
    log = Publisher(home.log, home.namespace, [present], reader).prepare_rotation([following])
    signed = sign_enrolment(_request(home, reader.directory(), following, log.decode()), [present, following])
    write_atomic(_request_file(home), signed.to_bytes())
    return signed


def _request(home: Home, directory: Directory, following: Signer, log_metadata: str) -> EnrolmentRequest:
    entry = directory.entries[home.namespace]
    return EnrolmentRequest(
        kind="rotation",
        network=network_of(home).name,
        namespace=home.namespace,
        titles=entry.titles,
        region=entry.region,
        url=entry.url,
        publishing_keys=[public_key(following)],
        steward_keys=steward_keys(home),
        engine_request=hooks.engine().create_request(home),
        log_metadata=log_metadata,
        moment=clock.timestamp(),
    )


def switch_keys(home: Home, directory: Directory) -> bool:
    """Take the next key into use if the verified ``directory`` names it; whether it did. Harmless to repeat."""
    path = next_key(home)
    entry = directory.entries.get(home.namespace)
    if entry is None or not path.exists():
        return False
    if key_id(read_public_key(_pub(path))) not in entry.key_ids():
        return False
    _switch(home)
    events.emit(AuditEvent("federation.key-rotated", home.namespace, home.namespace))
    return True


def _switch(home: Home) -> None:
    """The request first and the private key last, so that after a crash the same is done again."""
    path, target = next_key(home), home.publishing_key
    with plain_os_errors(path):
        if _request_file(home).exists():
            parse_enrolment(_request_file(home).read_bytes())
            _request_file(home).replace(home.keys / "enrolment.json")
        write_atomic(_pub(target), _pub(path).read_bytes())
        path.replace(target)
        _pub(path).unlink(missing_ok=True)


def next_key(home: Home) -> Path:
    """Where the next publishing key waits for the board."""
    return home.keys / "publishing-next.pem"


def _request_file(home: Home) -> Path:
    return home.keys / "rotation.json"


def _pub(path: Path) -> Path:
    return path.with_name(path.name + ".pub")

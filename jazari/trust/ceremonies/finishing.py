"""The end of a ceremony at the Root: merge the signed copies, check the threshold, install."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jazari.core.audit import AuditEvent
from jazari.core.events import emit
from jazari.trust.ceremonies.ceremony_file import Ceremony, CeremonyFile, open_ceremony
from jazari.trust.ceremonies.proposals import check_handover, needs_metadata
from jazari.trust.ceremonies.requests import AdmissionRequest
from jazari.trust.ceremonies.signing import store_signatures
from jazari.trust.errors import BadCeremony, CeremonyOutdated, NotEnoughSignatures, RepositoryExists
from jazari.trust.repository import Installation, Repository
from jazari.trust.tuf_types import Metadata, Root, Targets


def finish_ceremony(
    repository: Repository, paths: Sequence[Path], handovers: Mapping[str, bytes] | None = None
) -> None:
    """Install the ceremony whose signed copies are ``paths``, once enough of the board signed it.

    ``handovers``: newer log metadata (see ``RotationRequest``) of institutes that published since the
    ceremony was prepared. Raises ``NotEnoughSignatures`` with how many are missing, ``CeremonyOutdated`` if
    the repository moved on, ``BadCeremony`` if the copies differ. Finishing twice is refused harmlessly.
    """
    ceremony = merged(paths)
    _check_signatures(ceremony)
    ceremony.file.institutes |= {name: data.decode() for name, data in (handovers or {}).items()}
    with repository.locked():
        repository.install(_installation(ceremony, _check_current(repository, ceremony)))
    emit(AuditEvent("trust.ceremony-finished", "board", ceremony.file.kind, _detail(ceremony)))


def merged(paths: Sequence[Path]) -> Ceremony:
    """The ceremony with the signatures of all copies."""
    if not paths:
        raise BadCeremony("No ceremony file was given: name the signed copies.")
    ceremonies = [open_ceremony(CeremonyFile.read(path)) for path in paths]
    first = ceremonies[0]
    for path, other in zip(paths[1:], ceremonies[1:], strict=True):
        if _statement(other) != _statement(first):
            raise BadCeremony(f"{path} is not a copy of {paths[0]}: finish copies of one ceremony together.")
        first.targets.signatures.update(other.targets.signatures)
        if first.root is not None and other.root is not None:
            first.root.signatures.update(other.root.signatures)
    store_signatures(first)
    return first


def missing_signatures(ceremony: Ceremony) -> list[str]:
    """What is still to be signed, one sentence each; empty when the ceremony can be finished."""
    checks: list[tuple[str, Root, str, Metadata[Root] | Metadata[Targets]]] = []
    if ceremony.root is not None:
        if ceremony.base_root is not None:
            checks.append(("root, by the present board", ceremony.base_root, "root", ceremony.root))
        checks.append(("root, by the new board", ceremony.root.signed, "root", ceremony.root))
    checks.append(("directory", ceremony.new_root, "targets", ceremony.targets))
    sentences = (_missing(*check) for check in checks)
    return [sentence for sentence in sentences if sentence]


def _missing(what: str, board: Root, role: str, metadata: Metadata[Root] | Metadata[Targets]) -> str:
    result = board.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    if result.verified:
        return ""
    return f"{result.missing} more board signature{'s' if result.missing > 1 else ''} for the {what}"


def _check_signatures(ceremony: Ceremony) -> None:
    missing = missing_signatures(ceremony)
    if missing:
        raise NotEnoughSignatures(f"The ceremony needs {' and '.join(missing)}: have it signed, then finish.")


def _statement(ceremony: Ceremony) -> tuple[bytes, bytes]:
    return (ceremony.root.signed_bytes if ceremony.root else b"", ceremony.targets.signed_bytes)


def _check_current(repository: Repository, ceremony: Ceremony) -> set[str]:
    """Check against what is committed now; the namespaces whose log metadata the ceremony brings."""
    if ceremony.file.kind == "create":
        if repository.exists:
            raise RepositoryExists(f"There is a network in {repository.path} already: nothing was changed.")
        return _check_newcomers(ceremony, set(ceremony.directory.entries))
    base = repository.committed()
    assert ceremony.base_root is not None  # noqa: S101  checked by open_ceremony
    assert ceremony.base_targets is not None  # noqa: S101
    if (base.root, base.targets) != (ceremony.base_root, ceremony.base_targets):
        raise CeremonyOutdated(
            "Another ceremony was finished since this one was prepared: prepare it again and have it signed."
        )
    old, new = base.directory.entries, ceremony.directory.entries
    if old.keys() - new.keys():
        raise BadCeremony("An institute disappears from the directory: revoke it instead.")
    changed = {name for name in old if needs_metadata(old[name], new[name])}
    for name in changed:
        check_handover(repository, base, new[name], ceremony.file.institutes.get(name, "").encode())
    return changed | _check_newcomers(ceremony, new.keys() - old.keys())


def _check_newcomers(ceremony: Ceremony, names: set[str]) -> set[str]:
    for name in names:
        entry = ceremony.directory.entries[name]
        AdmissionRequest(entry=entry, metadata=ceremony.file.institutes.get(name, "")).check()
    return names


def _installation(ceremony: Ceremony, bringing: set[str]) -> Installation:
    return Installation(
        ceremony.targets.to_bytes(),
        ceremony.directory.to_bytes(),
        ceremony.root.to_bytes() if ceremony.root else None,
        {name: text.encode() for name, text in ceremony.file.institutes.items() if name in bringing},
    )


def _detail(ceremony: Ceremony) -> dict[str, object]:
    return {
        "root": ceremony.new_root.version,
        "targets": ceremony.targets.signed.version,
        "signed_by": sorted(ceremony.targets.signatures),
    }

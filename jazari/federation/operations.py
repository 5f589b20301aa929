"""What the Root does with publications, its own and others'."""

from __future__ import annotations

from collections.abc import Callable

from jazari.core.errors import BadIdentifier
from jazari.core.identifiers import RecordRef
from jazari.federation import hooks
from jazari.federation.errors import BadRequest
from jazari.trust.acceptance import accept
from jazari.trust.errors import RecordMissing
from jazari.trust.publication import Publication, Receipt
from jazari.trust.records import Record
from jazari.trust.repository import Committed, Repository


def accept_publication(repository: Repository, namespace: str, publication: Publication) -> Receipt:
    """Check and commit what ``namespace``, which was authenticated, sent. Trust reports it to the audit trail.

    Raises ``BadRequest`` for a publication in another namespace, else what ``trust.acceptance`` raises.
    """
    if publication.namespace != namespace:
        raise BadRequest(f"{namespace} cannot publish in {publication.namespace}: publish in your own namespace.")
    state = repository.committed()
    check = hooks.card_check(find_in(repository, state), state.directory)
    return accept(repository, publication, check).receipt


def find_in(repository: Repository, state: Committed) -> Callable[[str], Record | None]:
    """A function that finds accepted records of any institute by reference."""

    def find(reference: str) -> Record | None:
        try:
            namespace = RecordRef.parse(reference).namespace
            # After a crash between commit and index the index lags behind: this brings it up to date.
            repository.logs.catch_up(namespace, repository.head(namespace, state))
            return repository.logs.find(reference)
        except (BadIdentifier, RecordMissing):
            return None

    return find

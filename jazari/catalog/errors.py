"""Errors of the catalogue.

CatalogError
├── CardRefused        catalog.card-refused        a card breaks a rule of its type
├── UnknownCardType    catalog.unknown-card-type   no slice registered that type
├── UnreadableCard     catalog.unreadable-card     the card's file is no usable JSON
├── ItemNotFound       catalog.item-not-found      nothing in the index has that reference
├── VerifierBusy       catalog.verifier-busy       too many ask for a verification at once
└── IndexInconsistent  catalog.index-inconsistent  the index contradicts the verified records
"""

from __future__ import annotations

from jazari.core.errors import ExitCode, JazariError


class CatalogError(JazariError):
    code = "catalog.failed"


class CardRefused(CatalogError):
    code = "catalog.card-refused"
    exit_code = ExitCode.REFUSED


class UnknownCardType(CatalogError):
    code = "catalog.unknown-card-type"
    exit_code = ExitCode.USAGE


class UnreadableCard(CatalogError):
    code = "catalog.unreadable-card"
    exit_code = ExitCode.USAGE


class ItemNotFound(CatalogError):
    code = "catalog.item-not-found"
    exit_code = ExitCode.NOT_FOUND


class FolderInUse(CatalogError):
    """Files of a record are to be written where others lie."""

    code = "catalog.folder-in-use"
    exit_code = ExitCode.CONFLICT


class FileChanged(CatalogError):
    """A file of a record was changed on this disk after it was verified."""

    code = "catalog.file-changed"
    exit_code = ExitCode.UNTRUSTED


class VerifierBusy(CatalogError):
    """Too many ask a page to verify a record at the same moment."""

    code = "catalog.verifier-busy"
    exit_code = ExitCode.UNAVAILABLE


class IndexInconsistent(CatalogError):
    code = "catalog.index-inconsistent"
    exit_code = ExitCode.CONFLICT

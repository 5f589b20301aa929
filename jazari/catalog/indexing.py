"""Building the index from verified records: at once, or following the log record by record.

Only records that trust's Reader verified come in. Indexing a record again changes nothing; building again
from the logs gives the same index; and following a log costs what is new in it, not what is there.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Replace

from jazari.catalog import facets
from jazari.catalog.cards.withdrawal import FINAL
from jazari.catalog.engines import learn_words, title_key
from jazari.catalog.errors import CatalogError, IndexInconsistent, UnknownCardType
from jazari.catalog.models import CatalogItem, CatalogReference, CatalogState, CatalogWord, IndexedLog
from jazari.catalog.normalise import index_text
from jazari.catalog.places import free_places, place_of
from jazari.catalog.registry import card_types, check_form
from jazari.core.canonical import canonical_json
from jazari.core.errors import BadIdentifier
from jazari.core.identifiers import RecordRef
from jazari.governance.turns import take_turn
from jazari.trust.records import Record

if TYPE_CHECKING:
    from jazari.federation.network_events import NetworkSynced
    from jazari.trust.reading import Reader

_TURN = 0x4A415A4349
BATCH = 500
UNKNOWN_TYPE = "This version of Jazari does not know this card type: upgrade to read it."
_READ_FROM_CARD = (
    "title", "summary", "problem", "facets", "sort_titles", "search_facets", "search_title", "search_text",
)  # fmt: skip
_SUMMARY_LENGTH = 280
_SUMMARIES = ("description", "purpose", "reason")
MOST_REFERENCES = 1000
_NAME = "[a-z][a-z0-9-]{1,39}"
_REFERENCE = re.compile(f"{_NAME}/{_NAME}/{_NAME}@[1-9][0-9]{{0,8}}")
# Digests, keys and signatures are no words.
_NO_WORDS = re.compile(r"(?:sha256:)?[0-9a-f]{32,}|-----BEGIN .*", re.DOTALL)


@dataclass(frozen=True)
class IndexReport:
    """What one call did: items ``added``, and of them how many whose card this node cannot read."""

    added: int = 0
    problems: int = 0

    def __add__(self, other: IndexReport) -> IndexReport:
        return IndexReport(self.added + other.added, self.problems + other.problems)


def follow_network(event: NetworkSynced) -> None:
    """Index what a synchronisation brought; subscribed to ``NetworkSynced`` when Django is ready."""
    update_index(event.reader)
    if event.report.directory_changed:
        mark_changed()


def mark_changed() -> None:
    """Give the catalogue another version: what was made from it before is out of date."""
    CatalogState.objects.update_or_create(id=1, defaults={"version": secrets.token_hex(12)})


def update_index(reader: Reader) -> IndexReport:
    """Index what ``reader`` verified since the last call, namespace by namespace.

    Each batch and how far it reached are committed together: killed at any moment, the next call goes on.
    Where a log is not the one that was indexed (the board froze it at an earlier version), what was indexed
    of it is forgotten first.
    """
    _read_again()
    report = IndexReport()
    namespaces = list(reader.namespaces())
    _forget(IndexedLog.objects.exclude(namespace__in=namespaces).values_list("namespace", flat=True))
    for namespace in namespaces:
        report += _follow(reader, namespace)
    return report


def _follow(reader: Reader, namespace: str) -> IndexReport:
    position = _position(reader, namespace)
    report = IndexReport()
    for batch in _batches(reader.records(namespace, after=position)):
        with transaction.atomic():
            take_turn(_TURN)
            report += _index(batch, position)
            position += len(batch)
            reached = {"records": position, "digest": batch[-1].digest}
            IndexedLog.objects.update_or_create(namespace=namespace, defaults=reached)
            mark_changed()
    return report


def _position(reader: Reader, namespace: str) -> int:
    """How many records of the log are indexed; none of them when the log does not go on from there."""
    known = IndexedLog.objects.filter(namespace=namespace).first()
    if known is None:
        return 0
    last = next(iter(reader.records(namespace, after=known.records - 1)), None)
    if last is not None and last.digest == known.digest:
        return known.records
    _forget([namespace])
    return 0


def _read_again() -> None:
    """After an upgrade: index what was of a type that this node did not know then and knows now."""
    known = [kind.name for kind in card_types()]
    rows = CatalogItem.objects.filter(problem=UNKNOWN_TYPE, type__in=known)
    if not rows.exists():
        return
    with transaction.atomic():
        take_turn(_TURN)
        for row in rows.iterator(chunk_size=BATCH):
            record = row.as_record()
            fresh = _item(record, row.number)
            fresh.search_facets = facets.keys_of(
                facets.decode(fresh.facets), latest=row.is_latest, kept=not row.withdrawn_by
            )
            for name in _READ_FROM_CARD:
                setattr(row, name, getattr(fresh, name))
            row.save(update_fields=_READ_FROM_CARD)
            learn_words([row.search_text])
            _refer([(row, record)])
            _apply(record)
        mark_changed()


def _forget(namespaces: Iterable[str]) -> None:
    gone = list(namespaces)
    if gone:
        with transaction.atomic():
            take_turn(_TURN)
            CatalogItem.objects.filter(namespace__in=gone).delete()
            IndexedLog.objects.filter(namespace__in=gone).delete()
            mark_changed()


def rebuild_index(reader: Reader) -> IndexReport:
    """Drop the index and build it again; all or nothing, readers see the old one until it is done."""
    with transaction.atomic():
        take_turn(_TURN)
        CatalogItem.objects.all().delete()
        IndexedLog.objects.all().delete()
        CatalogWord.objects.all().delete()
        mark_changed()
        return update_index(reader)


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    iterator = iter(records)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _index(records: list[Record], before: int) -> IndexReport:
    """Index records that come after the first ``before`` of their log."""
    known = dict(CatalogItem.objects.filter(ref__in=[record.ref for record in records]).values_list("ref", "digest"))
    for record in records:
        if known.get(record.ref, record.digest) != record.digest:
            raise IndexInconsistent(
                f"{record.ref} is indexed with other content: build the index again with `jazari catalog reindex`."
            )
    fresh = [(number, record) for number, record in enumerate(records, before + 1) if record.ref not in known]
    items = [_item(record, number) for number, record in fresh]
    for item, place in zip(items, free_places([item.place for item in items]), strict=True):
        item.place = place
    CatalogItem.objects.bulk_create(items)
    learn_words(item.search_text for item in items)
    _refer([(item, record) for item, (_number, record) in zip(items, fresh, strict=True) if not item.problem])
    for record in records:
        _apply(record)
    return IndexReport(len(items), sum(1 for item in items if item.problem))


def _refer(pairs: Iterable[tuple[CatalogItem, Record]]) -> None:
    """Remember which records the cards name."""
    CatalogReference.objects.bulk_create(
        [CatalogReference(item=item, target=target) for item, record in pairs for target in named_records(record)],
        ignore_conflicts=True,
    )


def _apply(record: Record) -> None:
    """What a record does to earlier ones: a new version replaces, a withdrawal withdraws."""
    if record.version > 1:
        CatalogItem.objects.filter(series=record.series, version__lt=record.version, is_latest=True).update(
            is_latest=False, search_facets=_without(facets.OFFER, facets.LATEST)
        )
    if record.type == "withdrawal" and not _problem(record):
        target = RecordRef.parse(record.card["withdraws"])
        if target.namespace == record.namespace and target.type not in FINAL:
            CatalogItem.objects.filter(ref=str(target), withdrawn_by="").update(
                withdrawn_by=record.ref,
                withdrawn_reason=record.card["reason"],
                search_facets=_without(facets.KEPT),
            )


def _without(*keys: str) -> Combinable:
    """``search_facets`` without ``keys``."""
    found: Combinable = F("search_facets")
    for key in keys:
        found = Replace(found, Value(f" {key}"), Value(""))
    return found


def _item(record: Record, number: int) -> CatalogItem:
    problem = _problem(record)
    title = {} if problem else title_of(record.card)
    values = facets.facets_of(record, title, readable=not problem)
    names = [*re.split(r"[/@]", record.ref), *title.values()]
    return CatalogItem(
        ref=record.ref,
        series=record.series,
        namespace=record.namespace,
        type=record.type,
        version=record.version,
        published=record.published,
        digest=record.digest,
        record=canonical_json(record.to_json()).decode(),
        number=number,
        place=place_of(record, number),
        title=title,
        summary={} if problem else summary_of(record.card),
        problem=problem,
        facets=facets.encode(values),
        sort_titles=facets.sort_titles(title),
        search_facets=facets.keys_of(values),
        search_title=" ".join(map(title_key, index_text(title.values()).split())),
        search_text=index_text([*names, *([] if problem else card_texts(record.card))]),
    )


def _problem(record: Record) -> str:
    try:
        check_form(record.type, record.card)
    except UnknownCardType:
        return UNKNOWN_TYPE
    except CatalogError as error:
        return str(error)
    return ""


def title_of(card: Mapping[str, Any]) -> dict[str, str]:
    """The card's title by language; ``und`` where its type has a title without language; else empty."""
    return _by_language(card.get("title"))


def summary_of(card: Mapping[str, Any]) -> dict[str, str]:
    """The beginning of what the card says about itself, by language."""
    texts = next((found for name in _SUMMARIES if (found := _by_language(card.get(name)))), {})
    return {language: _shortened(text) for language, text in texts.items()}


def _by_language(text: Any) -> dict[str, str]:
    if isinstance(text, str):
        return {"und": text}
    return {key: value for key, value in text.items() if isinstance(value, str)} if isinstance(text, dict) else {}


def _shortened(text: str) -> str:
    plain = " ".join(text[: 2 * _SUMMARY_LENGTH].split())
    return plain if len(plain) <= _SUMMARY_LENGTH else f"{plain[:_SUMMARY_LENGTH].rpartition(' ')[0]}\u2026"


def is_reference(text: str) -> bool:
    """Whether a text is ``namespace/type/name@version``, which a page may turn into an address."""
    if not _REFERENCE.fullmatch(text):
        return False
    try:
        RecordRef.parse(text)
    except BadIdentifier:
        return False
    return True


def named_records(record: Record) -> list[str]:
    """The other records that the card of ``record`` names, each once, at most ``MOST_REFERENCES``."""
    found = (text for text in card_texts(record.card) if is_reference(text) and text != record.ref)
    return list(islice(dict.fromkeys(found), MOST_REFERENCES))


def card_texts(value: Any) -> Iterator[str]:
    """Every string of a card that may hold words, depth first."""
    if isinstance(value, str):
        if not _NO_WORDS.fullmatch(value):
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from card_texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from card_texts(item)

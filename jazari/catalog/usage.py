"""How a record is used: commands that exist for its type, for somebody with a node."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jazari.catalog.models import CatalogItem


@dataclass(frozen=True)
class Use:
    """What one does with it, and the command."""

    what: Promise
    command: str


_SHOW = (_("Show the whole card"), "jazari catalog show {ref}")
_FILES = (
    _("Write its files into a folder, each checked against the signed record"),
    "jazari catalog files {ref} --out {name}",
)
_BY_TYPE: dict[str, list[tuple[Promise, str]]] = {
    "dataset": [(_("Its description as Croissant"), "jazari catalog croissant {ref} > {name}.croissant.json")],
    "study": [
        (_("What is asked, who decided, and its runs"), "jazari study show {ref}"),
        (_("As a data steward: check it against your data"), "jazari study check {ref}"),
    ],
    "result": [(_("Read the result as tables"), "jazari study result {ref}")],
    "run": [(_("Follow the run"), "jazari study watch {ref}")],
    "model": [
        (_("Show what it is for and how it was judged"), "jazari model show {ref}"),
        (_("Fetch it"), "jazari model fetch {ref} --out {name}.safetensors"),
        (_("Apply it to your rows"), "jazari model predict {ref} --data rows.csv --out predicted.csv"),
    ],
    "provider": [(_("Which routes lead to it from this node, and why"), "jazari routes list")],
    "residency": [(_("Where each class of data may go from this node"), "jazari routes list")],
    "drill": [(_("Its figures"), "jazari drill show {ref}")],
    "checkpoint": [(_("At its node: compare the audit trail with it"), "jazari audit verify")],
    "institute": [(_("What it published"), "jazari search --institute {namespace}")],
}


def uses_of(item: CatalogItem, *, has_files: bool) -> list[Use]:
    """The commands for ``item``, the most telling first."""
    known = [] if item.problem else _BY_TYPE.get(item.type, [])
    lines = [*known, _SHOW, *([_FILES] if has_files else [])]
    name = item.reference.name
    return [Use(what, line.format(ref=item.ref, name=name, namespace=item.namespace)) for what, line in lines]

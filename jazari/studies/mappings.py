"""The mappings of this institute: ``engine/mappings/<agreement>/0001.json``, ``0002.json`` ...; the last one counts.

Earlier ones are kept, so that what an approval covered can be read later. They never leave the institute; its
steward's decision names the digest of the one that was approved.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from jazari.core.canonical import canonical_json
from jazari.core.files import locked, plain_os_errors, write_private
from jazari.studies.data.mapping import (
    LARGEST,
    ColumnMapping,
    check_mapping,
    mapping_dict,
    mapping_digest,
    parse_mapping,
    require_all_mapped,
)
from jazari.studies.decisions import Statement
from jazari.studies.errors import BadMapping, NotAsked, NotRunnable
from jazari.studies.ledger import Ledger

if TYPE_CHECKING:
    from jazari.studies.operations import Here
    from jazari.studies.overview import Study

_STORED = "[0-9][0-9][0-9][0-9].json"
MOST_VERSIONS = 9999
LOCK_SECONDS = 10.0


def map_study(here: Here, reference: str, mapping: ColumnMapping) -> int:
    """Check ``mapping`` against this institute's declaration and the study, and keep it; the number of its version.

    The mapping that is kept already keeps its number. Raises ``BadMapping``, ``NotAsked``, ``StudyNotFound`` or
    ``DataSetNotFound``. An approval given before does not cover another mapping than it was given for.
    """
    from jazari.studies.datasets import declaration_of, local_data_set
    from jazari.studies.overview import study_of

    study = study_of(here.records, reference)
    if here.namespace not in study.text.institutes:
        raise NotAsked(f"{reference} does not ask {here.namespace}: there is nothing to map here.")
    if mapping.study != reference:
        raise BadMapping(f"The mapping is for {mapping.study}: write one for {reference}.")
    _require_first_use(here.engine_folder, study.agreement, mapping)
    schema = declaration_of(local_data_set(study.text.datasets[here.namespace]))
    check_mapping(mapping, schema, study.text.variables)
    return store_mapping(here.engine_folder, study.agreement, mapping)


def _require_first_use(engine_folder: Path, agreement: str, mapping: ColumnMapping) -> None:
    if Ledger(engine_folder / "ledger.json").has_run(agreement) and stored_mapping(engine_folder, agreement) != mapping:
        raise BadMapping(
            "The study has run here, and the totals of two mappings over the same rows would differ by a few "
            "subjects: ask for a new study."
        )


def store_mapping(engine_folder: Path, agreement: str, mapping: ColumnMapping) -> int:
    """Keep ``mapping`` as the one that counts; the number of its version."""
    folder = _folder(engine_folder, agreement)
    with locked(folder / "lock", "another command that maps this study", LOCK_SECONDS):
        number, kept = _latest(folder)
        if kept == mapping:
            return number
        if number >= MOST_VERSIONS:
            raise BadMapping("This study was mapped too often here: ask for a new study.")
        write_private(folder / f"{number + 1:04}.json", canonical_json(mapping_dict(mapping)))
        return number + 1


def stored_mapping(engine_folder: Path, agreement: str) -> ColumnMapping | None:
    """The mapping that counts for an agreement; None when there is none. Raises ``BadMapping`` for a broken file."""
    return _latest(_folder(engine_folder, agreement))[1]


def mapping_to_approve(here: Here, study: Study) -> ColumnMapping | None:
    """The mapping that an approval signed now covers; raises ``IncompatibleData`` naming what is not mapped yet."""
    from jazari.studies.datasets import schema_of_card

    mapping = stored_mapping(here.engine_folder, study.agreement)
    record = here.records.get(study.text.datasets[here.namespace])
    if record is not None:
        require_all_mapped(mapping, schema_of_card(record.card), study.text.variables)
    return mapping


def approved_mapping(engine_folder: Path, statement: Statement) -> ColumnMapping | None:
    """The mapping of this institute, which must be the one that its steward signed; raises ``NotRunnable``."""
    mapping = stored_mapping(engine_folder, statement.agreement)
    if mapping_digest(mapping) != statement.mapping:
        raise NotRunnable(
            "The mapping of the columns here is not the one that was approved: approve the study again, or store "
            "the approved mapping again."
        )
    return mapping


def _folder(engine_folder: Path, agreement: str) -> Path:
    return engine_folder / "mappings" / agreement.removeprefix("sha256:")


def _latest(folder: Path) -> tuple[int, ColumnMapping | None]:
    names = sorted(path.name for path in folder.glob(_STORED)) if folder.is_dir() else []
    if not names:
        return 0, None
    path = folder / names[-1]
    with plain_os_errors(path), path.open("rb") as file:
        raw = file.read(8 * LARGEST)
    try:
        return int(names[-1][:4]), parse_mapping(json.loads(raw), str(path))
    except (ValueError, RecursionError) as error:
        raise BadMapping(f"{path} was changed by somebody: store the mapping again.") from error

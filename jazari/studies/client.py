"""Jazari from Python: find, propose, run, wait, and read results as pandas frames.

::

    import jazari

    client = jazari.Client("rabat-home")
    client.find("sol", kind="dataset")
    study = client.propose(name="soil-gaps", title="...", purpose="...", recipe="statistics",
                           datasets=[...], parameters={"variables": ["soil_ph"], "by": ["crop"]})
    ...                                     # the stewards of each institute decide
    result = client.wait(client.run(study))
    result.frame()
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jazari.core import clock
from jazari.federation.options import prepare
from jazari.settings.errors import HomeMissing

if TYPE_CHECKING:
    import pandas as pd

    from jazari.studies.here import Node
    from jazari.studies.portable.model import PortableModel

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Result:
    """A published result, verified: ``card`` says where it comes from, ``values`` is what was computed."""

    reference: str
    digest: str
    card: dict[str, Any]
    values: dict[str, Any]

    def frame(self, table: str = "") -> pd.DataFrame:
        """One table of the result; without a name the only or first one. ``KeyError`` names those there are."""
        import pandas as pd

        from jazari.studies.tables import tables_of

        tables = tables_of(self.card["provenance"]["recipe"], self.values)
        name = table or next(iter(tables))
        if name not in tables:
            raise KeyError(f"This result has the tables {', '.join(tables)}.")
        return pd.DataFrame(tables[name])

    def __repr__(self) -> str:
        return f"<Result {self.reference}: {self.card['title']}>"


class Client:
    """Works in the name of one institute, from its home folder (``JAZARI_HOME`` by default).

    ``passphrase_file``: where the publishing key is encrypted and ``JAZARI_PASSPHRASE`` is not set. Every
    method raises ``jazari.core.errors.JazariError`` with one sentence that says what to do. One process
    serves one home.
    """

    def __init__(self, home: str | Path | None = None, passphrase_file: Path | None = None) -> None:
        path = home or os.environ.get("JAZARI_HOME")
        if not path:
            raise HomeMissing("No home is named: give Client(home) or set JAZARI_HOME.")
        prepare(Path(path))
        from jazari.studies.here import open_here

        self._node: Node = open_here(Path(path), passphrase_file)

    def sync(self) -> None:
        """Bring the verified records up to date with the network."""
        self._node.sync()

    def find(self, text: str = "", kind: str = "", institute: str = "") -> pd.DataFrame:
        """Records whose words match ``text`` in any of the four languages, newest first; at most 200 rows."""
        import pandas as pd

        from jazari.catalog.queries import MOST_SHOWN, search

        page = search(text, types=[kind] if kind else (), namespace=institute, limit=MOST_SHOWN)
        columns = ["ref", "type", "namespace", "title", "published", "withdrawn"]
        rows = [
            [item.ref, item.type, item.namespace, item.title, item.published, bool(item.withdrawn_by)]
            for item in page.items
        ]
        return pd.DataFrame(rows, columns=columns)

    def card(self, reference: str) -> dict[str, Any]:
        """The card of one record, or of the newest version of ``namespace/type/name``."""
        from jazari.catalog.queries import get_item

        return get_item(reference).as_record().card

    def propose(self, **proposal: Any) -> str:
        """Publish a study (fields as in a proposal file); its reference."""
        from jazari.studies.operations import propose
        from jazari.studies.proposals import make_proposal

        return propose(self._node, make_proposal(proposal)).ref

    def study(self, reference: str) -> dict[str, Any]:
        """All about a study: text, decisions, runs, results."""
        from jazari.studies.queries import study_facts

        return study_facts(self._node.records, reference, clock.now())

    def studies(self) -> pd.DataFrame:
        """Every study of the network, one row each."""
        import pandas as pd

        from jazari.studies.queries import studies

        return pd.DataFrame(studies(self._node.records, clock.now()))

    def run(self, study: str) -> str:
        """Have a study run now on the institutes that approve; the run's reference."""
        from jazari.studies.operations import start_run

        return start_run(self._node, study).ref

    def wait(self, run: str, timeout: float = 600.0) -> Result:
        """Wait at most ``timeout`` seconds for the result of a run; raises ``RunFailed`` or ``TimedOut``."""
        from jazari.studies import queries

        deadline = time.monotonic() + timeout
        while True:
            facts = queries.run_facts(run)
            if facts["over"]:
                queries.raise_if_failed(facts)
                return self.result(facts["result"])
            if time.monotonic() > deadline:
                raise queries.still_running(facts, timeout)
            time.sleep(POLL_SECONDS)

    def result(self, reference: str) -> Result:
        """A published result, its values checked against the signed record."""
        from jazari.studies.queries import result_facts

        facts = result_facts(self._node, reference)
        return Result(facts["result"], facts["digest"], facts["card"], facts["values"])

    def model(self, reference: str) -> PortableModel:
        """The model of a published record, verified; apply it with ``jazari.studies.portable.predict``."""
        from jazari.studies.portable.publishing import verified_model

        return verified_model(self._node, reference)

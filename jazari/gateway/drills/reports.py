"""The report file of a drill, and the record made of it."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from jazari.core.files import plain_os_errors, write_private
from jazari.gateway.drills.card import CALLS_FILE, DrillCard
from jazari.gateway.drills.figures import card_of
from jazari.gateway.drills.measures import LARGEST_REPORT, Measured, read_measured
from jazari.gateway.drills.plots import NO_PLOTS, can_plot, draw_plots
from jazari.gateway.errors import BadDrillReport
from jazari.settings.home import Home
from jazari.trust.records import Draft

_COLUMNS = (
    "at_ms", "phase", "route", "streamed", "outcome", "status", "code", "provider", "first_byte_ms", "total_ms",
    "charge_microcredits", "tried", "receipt",
)  # fmt: skip


def reports_folder(home: Home) -> Path:
    """Where reports go for which no file was named."""
    return home.path / "gateway" / "drills"


def write_report(measured: Measured, path: Path) -> DrillCard:
    """Write what was measured and the figures that follow, readable by the owner only; the figures."""
    card = card_of(measured)
    document = {"measured": measured.model_dump(mode="json"), "card": card.model_dump(mode="json")}
    write_private(path, json.dumps(document, ensure_ascii=False, indent=1).encode())
    return card


def read_report(path: Path) -> Measured:
    """What the report file ``path`` measured; ``BadDrillReport`` also if its figures do not follow from that."""
    with plain_os_errors(path), path.open("rb") as file:
        data = file.read(LARGEST_REPORT + 1)
    measured = read_measured(data)
    try:
        same = DrillCard.model_validate_json(json.dumps(json.loads(data)["card"])) == card_of(measured)
    except ValidationError:
        same = False
    if not same:
        raise BadDrillReport(
            f"The figures in {path} do not follow from its measurements: publish it as it was written."
        )
    return measured


def draft_of(measured: Measured, folder: Path) -> Draft:
    """The record to publish, with its files in ``folder``: every call as a row, and plots where they can be drawn."""
    calls = folder / CALLS_FILE
    calls.write_text(calls_csv(measured), encoding="utf-8")
    plots = draw_plots(measured, folder) if can_plot() else []
    card = card_of(measured, [path.name for path in plots], None if plots else NO_PLOTS)
    files = {path.name: path for path in [calls, *plots]}
    return Draft("drill", record_name(measured), card.model_dump(mode="json"), files)


def record_name(measured: Measured) -> str:
    """``campus-20261126-091500``: the same report is the same record."""
    moment = datetime.fromisoformat(measured.began).strftime("%Y%m%d-%H%M%S")
    return f"{measured.plan.what[:24].rstrip('-')}-{moment}"


def calls_csv(measured: Measured) -> str:
    """The load's calls, one a row: no content, and nobody else's calls."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for call in measured.calls:
        tried = ";".join(f"{one.provider}:{one.outcome}" for one in call.tried)
        writer.writerow(
            (call.at_ms, measured.phase_of(call), call.route, int(call.streamed), call.outcome, call.status,
             call.code, call.provider, call.first_byte_ms, call.total_ms, call.charge, tried, call.receipt)
        )  # fmt: skip
    return out.getvalue()

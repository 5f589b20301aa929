"""Results on standard output, everything else on standard error, in both modes."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from jazari.cli import output
from jazari.cli.output import Output


def an_output(json_mode: bool = False) -> Output:
    return Output(json_mode, io.StringIO(), io.StringIO())


def printed(out: Output) -> str:
    return out.stdout.getvalue()  # type: ignore[attr-defined]


def warned(out: Output) -> str:
    return out.stderr.getvalue()  # type: ignore[attr-defined]


def test_people_get_the_text() -> None:
    out = an_output()
    out.print_result({"a": 1}, "One.")
    out.print_result({"a": 1}, lambda: out.say("Printed."))
    out.print_result({"a": 1})
    assert printed(out) == "One.\nPrinted.\na: 1\n"


def test_machines_get_one_json_document_and_nothing_else() -> None:
    out = an_output(json_mode=True)
    out.say("never")
    out.table("never", ["x"], [[1]])
    with out.progress("never") as step:
        step.describe("never")
        step.advance(1)
    out.print_result({"name": "Dakhla الداخلة"}, "never")
    assert json.loads(printed(out)) == {"name": "Dakhla الداخلة"}
    assert "الداخلة" in printed(out)
    assert warned(out) == ""


def test_what_results_are_made_of_has_a_json_form() -> None:
    class Card(BaseModel):
        title: str

    moment = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
    out = an_output(json_mode=True)
    out.print_result({"at": moment, "in": Path("/a"), "of": {"b", "a"}, "card": Card(title="t")})
    assert json.loads(printed(out)) == {
        "at": "2026-11-01T09:30:00Z",
        "in": "/a",
        "of": ["a", "b"],
        "card": {"title": "t"},
    }


def test_what_has_no_json_form_is_a_defect_and_not_a_guess() -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        an_output(json_mode=True).print_result({"x": object()})


def test_a_table_is_not_cut_when_it_goes_to_a_file() -> None:
    out = an_output()
    digest = "sha256:" + "a" * 64
    out.table("Requests", ["name", "digest"], [["dakhla", digest], ["fes", None]])
    assert digest in printed(out)
    assert "Requests" in printed(out)


@given(st.text(alphabet=st.characters(blacklist_categories=["Cc", "Cs"]), min_size=1, max_size=30))
def test_a_cell_is_never_read_as_markup(text: str) -> None:
    out = an_output()
    out.table("", ["x"], [[f"[red]{text}[/red]"]])
    assert "[red]" in printed(out)


def test_a_quick_step_says_nothing() -> None:
    out = an_output()
    with out.progress("Reading"):
        pass
    assert warned(out) == ""


def test_a_long_step_says_what_it_is_doing_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "SILENT_SECONDS", 0.01)
    out = an_output()
    with out.progress("Reading") as step:
        step.describe("Still reading")
        while not warned(out):
            time.sleep(0.005)
    assert warned(out) == "Still reading ...\n"


def test_a_step_that_fails_still_ends_its_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "SILENT_SECONDS", 0.05)
    out = an_output()
    with pytest.raises(ValueError, match="x"), out.progress("Reading"):
        raise ValueError("x")
    time.sleep(0.1)
    assert warned(out) == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("total", [None, 3.0])
def test_on_a_terminal_the_step_is_live_and_the_result_clean(total: float | None) -> None:
    out = Output(False, io.StringIO(), Terminal())
    with out.progress("Reading", total) as step:
        step.advance(1)
        step.describe("[b]Reading more[/b]")
    out.print_result({}, "Done.")
    assert printed(out) == "Done.\n"

"""What the audit of the locked versions makes of the answers that pip-audit gives (its own JSON, version 2.10.1)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from requirements import audit
from requirements.audit import CONTROL, Acceptance, AuditError, Finding, Pin
from tests.docs.source import REPOSITORY

TODAY = date(2026, 11, 26)
COLORAMA, JINJA2, PIP = Pin("colorama", "0.4.6"), Pin("jinja2", "3.1.6"), Pin("pip", "26.3")
WHERE = {COLORAMA: ["dev.txt", "x.txt"], JINJA2: ["demo.txt"], PIP: ["audit.txt"]}
FLASK = (
    '{"name": "flask", "version": "0.5", "vulns": [{"id": "PYSEC-2019-179", "fix_versions": ["1.0"], "aliases": '
    '["GHSA-5wv5-4vpf-pj6m", "CVE-2019-1010083"]}, {"id": "PYSEC-2018-66", "fix_versions": ["0.12.3"], "aliases": '
    '["GHSA-562c-5r94-xh97", "CVE-2018-1000656"]}]}'
)
CLEAN_PIP = '{"name": "pip", "version": "26.3", "vulns": []}'
BAD_COLORAMA = (
    '{"name": "colorama", "version": "0.4.6", "vulns": [{"id": "PYSEC-2026-9", "fix_versions": ["0.4.7"], "aliases": '
    '["CVE-2026-1", "GHSA-aaaa-bbbb-cccc"]}]}'
)
BAD_JINJA2 = (
    '{"name": "jinja2", "version": "3.1.6", "vulns": [{"id": "PYSEC-2026-10", "fix_versions": [], "aliases": []}]}'
)
UNKNOWN_JINJA2 = (
    '{"name": "jinja2", "skip_reason": "Dependency not found on PyPI and could not be audited: jinja2 (3.1.6)"}'
)
TWO_KNOWN = f'{{"dependencies": [{BAD_COLORAMA}, {BAD_JINJA2}, {CLEAN_PIP}, {FLASK}], "fixes": []}}\n'
ONE_SKIPPED = f'{{"dependencies": [{BAD_COLORAMA}, {UNKNOWN_JINJA2}, {CLEAN_PIP}, {FLASK}], "fixes": []}}\n'
KNOWS_NOTHING = TWO_KNOWN.replace(FLASK, '{"name": "flask", "version": "0.5", "vulns": []}').replace(
    f"{BAD_COLORAMA}, {BAD_JINJA2}", '{"name": "colorama", "version": "0.4.6", "vulns": []}, '
    '{"name": "jinja2", "version": "3.1.6", "vulns": []}')  # fmt: skip
ALL_SKIPPED = re.sub(
    r'"version": "([^"]+)", "vulns": \[(?:\{[^]]*\][^]]*\]\}(?:, )?)*\]', r'"skip_reason": "not found (\1)"', TWO_KNOWN
)


def verdict(report: str, *accepted: Acceptance) -> audit.Verdict:
    asked = {pin.package: pin for pin in (*WHERE, CONTROL)}
    return audit.judge(audit.read(report, asked), accepted, TODAY)


def accept(package: str = "colorama", advisory: str = "PYSEC-2026-9", until: date = TODAY) -> Acceptance:
    return Acceptance(package, advisory, "Only on Windows, where nothing of ours runs.", until)


def test_what_is_known_is_told_with_package_version_names_and_where_it_is_fixed() -> None:
    found = verdict(TWO_KNOWN)
    assert not found.passed
    assert audit.told(found, WHERE) == [
        "2 known against locked versions:",
        "  colorama 0.4.6  PYSEC-2026-9 = CVE-2026-1 = GHSA-aaaa-bbbb-cccc  fixed in 0.4.7, locked in dev.txt, x.txt",
        "  jinja2 3.1.6  PYSEC-2026-10  not fixed yet, locked in demo.txt",
        "3 of 3 locked versions audited; findings: 2",
    ]


@pytest.mark.parametrize("name", ["PYSEC-2026-9", "CVE-2026-1", "GHSA-aaaa-bbbb-cccc"])
def test_an_acceptance_holds_by_any_name_of_its_advisory_and_for_nothing_else(name: str) -> None:
    found = verdict(TWO_KNOWN, accept(advisory=name))
    assert [finding.pin for finding, _ in found.accepted] == [COLORAMA]
    assert [finding.pin for finding in found.open] == [JINJA2]
    assert not found.passed
    assert any(line.endswith("until 2026-11-26, Only on Windows, where nothing of ours runs.")
               for line in audit.told(found, WHERE))  # fmt: skip


def test_with_everything_accepted_it_passes() -> None:
    assert verdict(TWO_KNOWN, accept(), accept("jinja2", "PYSEC-2026-10")).passed


def test_an_acceptance_for_another_package_is_none() -> None:
    found = verdict(TWO_KNOWN, accept("jinja2"))
    assert len(found.open) == 2
    assert "no longer needed in accepted-advisories.toml: jinja2 PYSEC-2026-9" in audit.told(found, WHERE)


def test_an_expired_acceptance_is_a_finding() -> None:
    found = verdict(TWO_KNOWN, accept(until=date(2026, 11, 25)), accept("jinja2", "PYSEC-2026-10"))
    assert not found.passed
    assert audit.told(found, WHERE)[:2] == [
        "1 known against locked versions:",
        "  colorama 0.4.6  PYSEC-2026-9 = CVE-2026-1 = GHSA-aaaa-bbbb-cccc  fixed in 0.4.7, locked in dev.txt, x.txt"
        "  (accepted until 2026-11-25: Only on Windows, where nothing of ours runs.)",
    ]


def test_what_was_skipped_is_listed_and_an_acceptance_about_it_is_kept() -> None:
    found = verdict(ONE_SKIPPED, accept(), accept("jinja2", "PYSEC-2026-10"))
    lines = audit.told(found, WHERE)
    at = lines.index("*** 1 of 3 versions were NOT audited: ***")
    assert lines[at + 1].startswith("  jinja2 3.1.6: Dependency not found on PyPI")
    assert lines[-1] == "2 of 3 locked versions audited; findings: 0"
    assert not found.unused


def test_what_the_report_does_not_mention_was_not_audited() -> None:
    found = verdict(TWO_KNOWN.replace(f"{CLEAN_PIP}, ", ""))
    assert found.skipped == ((PIP, "pip-audit does not mention it"),)


@pytest.mark.parametrize("report", [ALL_SKIPPED, KNOWS_NOTHING], ids=["all skipped", "knows nothing"])
def test_a_service_that_does_not_know_the_control_has_audited_nothing(report: str) -> None:
    assert "PYSEC" not in report
    assert verdict(report).audited == 0


def test_the_control_is_no_finding() -> None:
    found = verdict(KNOWS_NOTHING.replace('{"name": "flask", "version": "0.5", "vulns": []}', FLASK))
    assert found.passed
    assert audit.told(found, WHERE) == ["3 of 3 locked versions audited; findings: 0"]


@pytest.mark.parametrize("report", ["", "[]", '{"dependencies": [{"name": "pip"}]}', '{"dependencies": null}'])
def test_a_report_of_another_form_is_no_report(report: str) -> None:
    with pytest.raises(AuditError):
        audit.read(report, {"pip": PIP})


def test_two_versions_of_a_package_are_asked_about_in_turn() -> None:
    pins = [Pin("a", "1"), Pin("a", "2"), Pin("b", "1"), Pin("a", "3")]
    asked = audit.rounds(pins)
    assert [sorted(names) for names in asked] == [["a", "b"], ["a"], ["a"]]
    assert {pin for names in asked for pin in names.values()} == set(pins)


HASH = f"    --hash=sha256:{'0' * 64}\n"


def lock(folder: Path, text: str) -> Path:
    path = folder / "some.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_line_of_a_lock_counts_whatever_platform_it_is_for(tmp_path: Path) -> None:
    text = f"# one\nSome_Name==1.0 ; sys_platform == 'win32' and python_version < '3' \\\n{HASH}b==2.0.post1 \\\n{HASH}"
    pins = audit.locked([lock(tmp_path, text)])
    assert pins == {Pin("some-name", "1.0"): ["some.txt"], Pin("b", "2.0.post1"): ["some.txt"]}


@pytest.mark.parametrize(
    "line", ["a", "a==1", "a>=1 \\", "a @ https://example.org/a.whl \\", "-e .", "-r more.txt", "--index-url x"]
)
def test_a_line_that_locks_nothing_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(AuditError, match="line 3"):
        audit.locked([lock(tmp_path, f"b==1 \\\n{HASH}{line}\n")])


def test_no_lock_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(AuditError):
        audit.locked(audit.locks(tmp_path))


COMPLETE = {"package": '"Some_Name"', "advisory": '"CVE-2026-1"', "reason": '"Not used."', "until": "2027-01-31"}


def entry(**changed: str | None) -> str:
    fields = {**COMPLETE, **changed}
    return "[[accepted]]\n" + "".join(f"{key} = {value}\n" for key, value in fields.items() if value is not None)


def read_accepted(folder: Path, text: str) -> list[Acceptance]:
    path = folder / audit.ACCEPTED
    path.write_text(text, encoding="utf-8")
    return audit.acceptances(path, TODAY)


def test_an_acceptance_is_read(tmp_path: Path) -> None:
    assert read_accepted(tmp_path, entry()) == [Acceptance("some-name", "CVE-2026-1", "Not used.", date(2027, 1, 31))]


@pytest.mark.parametrize(
    "text",
    [
        entry(reason=None),
        entry(reason='" "'),
        entry(until=None),
        entry(until='"2027-01-31"'),
        entry(until="2027-01-31T00:00:00Z"),
        entry(until="2099-01-01"),
        entry(package="1"),
        entry(note='"more"'),
        "accepted = 1",
        'accepted = ["CVE-2026-1"]',
        "[acepted]",
        "[[accepted",
    ],
)
def test_an_acceptance_that_is_not_complete_or_never_ends_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(AuditError, match=r"accepted-advisories\.toml"):
        read_accepted(tmp_path, text)


def test_our_own_acceptances_and_locks_can_be_read() -> None:
    audit.acceptances(audit.HERE / audit.ACCEPTED, datetime.now(UTC).date())
    names = {path.name for path in audit.locks(audit.HERE)}
    assert names == {"demo.txt", "dev.txt", "embedded.txt", "audit.txt"}
    assert len(audit.locked(audit.locks(audit.HERE))) > 150


def test_what_the_guide_shows_is_what_it_takes_and_says(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "how-to" / "audit-dependencies.md").read_text(encoding="utf-8")
    (accepted,) = read_accepted(tmp_path, page.partition("```toml\n")[2].partition("```")[0])
    shown = page.partition("$ make audit\n")[2].partition("```")[0].splitlines()
    pin = Pin("jinja2", "3.1.2")
    found = Finding(pin, "GHSA-h5c8-rqwp-cp95", ("CVE-2024-22195",), ("3.1.3",))
    open_finding = audit.judge(audit.Answer(findings=frozenset({found})), [], TODAY)
    assert accepted.covers(found)
    assert audit.told(open_finding, {pin: ["demo.txt", "dev.txt"]})[:2] == shown[:2]
    assert audit.NOT_AUDITED in page
    assert str(CONTROL) in page

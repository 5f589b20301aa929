"""Is anything known against a version that we lock? `make audit` asks, with PyPA's pip-audit.

Every line of every lock is asked about, whatever platform or Python it is for (pip-audit alone would leave out what
this machine would not install), and a control is asked with them: a version against which something has been known for
years. A service that knows nothing against the control knows nothing, and then nothing was audited.

Only the standard library is used here, and pip-audit is started with the Python that runs this file.
Exit status: 0 nothing to do, 1 findings (or nothing audited with JAZARI_REQUIRE_AUDIT=1), 2 the audit itself is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ACCEPTED = "accepted-advisories.toml"
NOT_AUDITED = "*** advisories cannot be reached: dependencies were NOT audited ***"
NOT_LOCKS = {"overrides.txt"}
LONGEST_ACCEPTANCE = timedelta(days=366)
PATIENCE = 600
"""Seconds for all questions of one round."""

_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;\\]+)(?: ; [^\\]+)? \\")
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
_SERVICE_FAILED = re.compile(r"requests\.exceptions\.|interface\.ServiceError|network may be blocking")


class AuditError(Exception):
    """The audit cannot be made as things stand: a lock, the accepted advisories or pip-audit must be put right."""


class NotReachedError(Exception):
    """The advisory service gave no usable answer."""


@dataclass(frozen=True, order=True)
class Pin:
    """One version of one package."""

    package: str
    version: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}"


@dataclass(frozen=True, order=True)
class Finding:
    """An advisory against a version, under all its names."""

    pin: Pin
    advisory: str
    aliases: tuple[str, ...]
    fixed_in: tuple[str, ...]


@dataclass(frozen=True)
class Acceptance:
    """The decision to live with an advisory until a day, that day included."""

    package: str
    advisory: str
    reason: str
    until: date

    def covers(self, finding: Finding) -> bool:
        """Whether it speaks of this advisory, by whichever name, against this package."""
        return self.package == finding.pin.package and self.advisory in (finding.advisory, *finding.aliases)


@dataclass(frozen=True)
class Answer:
    """What the service said of the versions it was asked about."""

    findings: frozenset[Finding] = frozenset()
    clean: frozenset[Pin] = frozenset()
    skipped: tuple[tuple[Pin, str], ...] = ()

    def __or__(self, other: Answer) -> Answer:
        return Answer(self.findings | other.findings, self.clean | other.clean, self.skipped + other.skipped)


CONTROL = Pin("flask", "0.5")
"""The example of pip-audit's own manual: PYSEC-2018-66, PYSEC-2019-179 and more since."""


def locks(folder: Path) -> list[Path]:
    """The lock files of a folder."""
    return sorted(path for path in folder.glob("*.txt") if path.name not in NOT_LOCKS)


def locked(paths: Iterable[Path]) -> dict[Pin, list[str]]:
    """Every version that is locked, for whatever platform, with the names of the locks it is in."""
    found: dict[Pin, list[str]] = {}
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if pin := _PIN.fullmatch(line):
                found.setdefault(Pin(_canonical(pin[1]), pin[2]), []).append(path.name)
            elif not _HASH.fullmatch(line) and line.strip() and not line.startswith("#"):
                raise AuditError(f"{path.name}, line {number}: neither name==version with hashes nor a hash: {line!r}")
    if not found:
        raise AuditError("There is no lock to audit.")
    return found


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def acceptances(path: Path, today: date) -> list[Acceptance]:
    """The accepted advisories of a file, each complete and with an end that is not too far."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise AuditError(f"{path.name} cannot be read: {error}") from error
    entries = content.pop("accepted", [])
    if content or not isinstance(entries, list):
        raise AuditError(f"{path.name} holds [[accepted]] entries and nothing else.")
    return [_acceptance(entry, f"{path.name}, entry {number}", today) for number, entry in enumerate(entries, start=1)]


def _acceptance(entry: Any, place: str, today: date) -> Acceptance:
    texts = ("package", "advisory", "reason")
    if not isinstance(entry, dict) or set(entry) != {*texts, "until"}:
        raise AuditError(f"{place}: give exactly package, advisory, reason and until.")
    if not all(isinstance(entry[key], str) and entry[key].strip() for key in texts):
        raise AuditError(f"{place}: package, advisory and reason are texts that say something.")
    if type(entry["until"]) is not date or entry["until"] > today + LONGEST_ACCEPTANCE:
        raise AuditError(f"{place}: until is a day without quotes (2027-01-31), a year from now at most.")
    return Acceptance(_canonical(entry["package"]), entry["advisory"], entry["reason"].strip(), entry["until"])


def rounds(pins: Iterable[Pin]) -> list[dict[str, Pin]]:
    """The versions by name, each name once a round: pip-audit refuses two versions of a package at a time."""
    result: list[dict[str, Pin]] = []
    for pin in sorted(pins):
        free = next((asked for asked in result if pin.package not in asked), None)
        if free is None:
            result.append(free := {})
        free[pin.package] = pin
    return result


def ask(pins: Iterable[Pin], options: Sequence[str]) -> Answer:
    """What the service says of versions, nothing being installed or resolved."""
    answer = Answer()
    for asked in rounds(pins):
        answer |= read(_pip_audit(asked.values(), options), asked)
    return answer


def _pip_audit(pins: Iterable[Pin], options: Sequence[str]) -> str:
    """pip-audit's report in JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "versions.txt")
        path.write_text("".join(f"{pin.package}=={pin.version}\n" for pin in pins), encoding="utf-8")
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--progress-spinner", "off",
                   "--format", "json", "--desc", "off", "--requirement", str(path), *options]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise NotReachedError(f"no end of answers after {PATIENCE} s") from error
    if done.returncode in (0, 1) and done.stdout.startswith("{"):
        return done.stdout
    said = _reason(done.stderr) or f"it ended with {done.returncode} and no word"
    if _SERVICE_FAILED.search(done.stderr):
        raise NotReachedError(said)
    raise AuditError(f"pip-audit failed: {said}")


def _reason(words: str) -> str:
    """The line that says why: of an answer over HTTP where there was one, else the last."""
    lines = words.strip().splitlines()
    of_http = [line for line in lines if line.startswith("requests.exceptions.")]
    return next(reversed(of_http or lines), "")


def read(report: str, asked: Mapping[str, Pin]) -> Answer:
    """A report of pip-audit about the versions that were asked; one that it does not mention was skipped."""
    try:
        told = {_canonical(entry["name"]): entry for entry in json.loads(report)["dependencies"]}
        answer = Answer()
        for name, pin in asked.items():
            answer |= _about(pin, told.get(name, {"skip_reason": "pip-audit does not mention it"}))
    except (ValueError, KeyError, TypeError) as error:
        raise AuditError(f"pip-audit's report has another form than expected: {error!r}") from error
    return answer


def _about(pin: Pin, entry: Mapping[str, Any]) -> Answer:
    if "skip_reason" in entry:
        return Answer(skipped=((pin, str(entry["skip_reason"])),))
    findings = frozenset(
        Finding(pin, found["id"], tuple(sorted(found["aliases"])), tuple(found["fix_versions"]))
        for found in entry["vulns"]
    )
    return Answer(findings=findings, clean=frozenset() if findings else frozenset({pin}))


@dataclass(frozen=True)
class Verdict:
    """What an answer means for us."""

    open: tuple[Finding, ...]
    expired: tuple[tuple[Finding, Acceptance], ...]
    accepted: tuple[tuple[Finding, Acceptance], ...]
    unused: tuple[Acceptance, ...]
    skipped: tuple[tuple[Pin, str], ...]
    audited: int
    """How many locked versions the service spoke of; 0 when it knows nothing at all."""

    @property
    def passed(self) -> bool:
        """Whether nothing is known that is not accepted today."""
        return not self.open and not self.expired


def judge(answer: Answer, accepted: Sequence[Acceptance], today: date) -> Verdict:
    """Sort the findings by what was decided about them; the control is no finding, but shows that there can be one."""
    findings = sorted(found for found in answer.findings if found.pin != CONTROL)
    decided = {found: max(covering, key=lambda one: one.until) for found in findings
               if (covering := [one for one in accepted if one.covers(found)])}  # fmt: skip
    used = [one for one in accepted if any(one.covers(found) for found in findings)]
    unknown = {pin.package for pin, _ in answer.skipped}
    spoken_of = {pin for pin in answer.clean if pin != CONTROL} | {found.pin for found in findings}
    return Verdict(
        open=tuple(found for found in findings if found not in decided),
        expired=tuple((found, one) for found, one in decided.items() if one.until < today),
        accepted=tuple((found, one) for found, one in decided.items() if one.until >= today),
        unused=tuple(one for one in accepted if one.package not in unknown and one not in used),
        skipped=tuple(sorted(skip for skip in answer.skipped if skip[0] != CONTROL)),
        audited=len(spoken_of) if answer.findings else 0,
    )


def told(verdict: Verdict, where: Mapping[Pin, Sequence[str]]) -> list[str]:
    """The lines that a person reads: what must be done first."""
    known = [*((found, "") for found in verdict.open),
             *((found, f"  (accepted until {one.until}: {one.reason})") for found, one in verdict.expired)]  # fmt: skip
    lines = [f"{len(known)} known against locked versions:"] if known else []
    lines += [f"  {_shown(found)}, locked in {', '.join(where[found.pin])}{note}" for found, note in sorted(known)]
    if verdict.accepted:
        lines.append("accepted:")
        lines += [f"  {_shown(found)}: until {one.until}, {one.reason}" for found, one in verdict.accepted]
    if verdict.skipped:
        lines.append(f"*** {len(verdict.skipped)} of {len(where)} versions were NOT audited: ***")
        lines += [f"  {pin}: {reason}" for pin, reason in verdict.skipped]
    lines += [f"no longer needed in {ACCEPTED}: {one.package} {one.advisory}" for one in verdict.unused]
    return [*lines, f"{verdict.audited} of {len(where)} locked versions audited; findings: {len(known)}"]


def _shown(found: Finding) -> str:
    names = " = ".join((found.advisory, *found.aliases))
    return f"{found.pin}  {names}  " + (f"fixed in {', '.join(found.fixed_in)}" if found.fixed_in else "not fixed yet")


def audit(folder: Path, options: Sequence[str], today: date) -> bool:
    """Audit the locks of a folder and tell the outcome; whether it passes."""
    where = locked(locks(folder))
    accepted = acceptances(folder / ACCEPTED, today)
    verdict = judge(ask({*where, CONTROL}, options), accepted, today)
    if not verdict.audited:
        nothing = len(verdict.skipped) == len(where)
        raise NotReachedError(verdict.skipped[0][1] if nothing else f"the service knows nothing against {CONTROL}")
    print("\n".join(told(verdict, where)))
    return verdict.passed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the audit; the exit status."""
    parser = argparse.ArgumentParser(description="Ask whether anything is known against a locked version.")
    parser.add_argument("--osv-url", help="ask a service that speaks OSV's API there, instead of PyPI")
    parser.add_argument("--folder", type=Path, default=HERE, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    options = ["--vulnerability-service", "osv", "--osv-url", given.osv_url] if given.osv_url else []
    try:
        return 0 if audit(given.folder, options, datetime.now(UTC).date()) else 1
    except NotReachedError as error:
        print(f"{NOT_AUDITED}\n({error})")
        return 1 if os.environ.get("JAZARI_REQUIRE_AUDIT") == "1" else 0
    except AuditError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

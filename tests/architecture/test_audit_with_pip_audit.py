"""`requirements/audit.py` with the real pip-audit, on our own locks, against a stand-in of the advisory service.

pip-audit has an environment of its own beside the project's, which `make audit` makes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from requirements import audit
from tests.architecture.advisory_service import KNOWN_FOR_YEARS, Advisories, advisory, advisory_service

pytestmark = pytest.mark.slow
PYTHON = Path(f"{sys.prefix}-audit", "bin", "python")
LOCKED = audit.locked(audit.locks(audit.HERE))
ONLY_WINDOWS = next(pin for pin in LOCKED if pin.package == "pywin32")
NEVER_TOGETHER = [pin for pin in LOCKED if pin.package == "contourpy"]
DJANGO = next(pin for pin in LOCKED if pin.package == "django")


def known(*pins: audit.Pin) -> Advisories:
    found = [advisory(pin.package, "PYSEC-2026-9", "CVE-2026-1", fixed_in="9999") for pin in pins]
    return {**KNOWN_FOR_YEARS, **{(pin.package, pin.version): [one] for pin, one in zip(pins, found, strict=True)}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Our locks; nothing is accepted."""
    if not PYTHON.exists():
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{PYTHON} is missing (`make audit` makes it) and CI=true says that this test must run")
        pytest.skip(f"AUDIT OF DEPENDENCIES NOT TESTED: {PYTHON} is missing, `make audit` makes it")
    for path in audit.locks(audit.HERE):
        shutil.copy(path, tmp_path)
    (tmp_path / audit.ACCEPTED).touch()
    return tmp_path


def run(folder: Path, url: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [PYTHON, audit.__file__, "--osv-url", url, "--folder", folder],
        capture_output=True, text=True, check=False, timeout=120,
        env={"PATH": os.defpath, "HOME": str(folder), "NO_PROXY": "*", **environment},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_each_locked_version_is_asked_about_and_what_is_known_fails(folder: Path) -> None:
    with advisory_service(known(DJANGO, ONLY_WINDOWS, *NEVER_TOGETHER)) as (url, asked):
        status, said = run(folder, url)
    assert {audit.Pin(*pair) for pair in asked} == {*LOCKED, audit.CONTROL}
    assert len(NEVER_TOGETHER) == 2
    assert status == 1
    assert said.startswith("4 known against locked versions:\n")
    for pin in (DJANGO, ONLY_WINDOWS, *NEVER_TOGETHER):
        assert f"  {pin}  PYSEC-2026-9 = CVE-2026-1  fixed in 9999, locked in " in said
    assert f"{len(LOCKED)} of {len(LOCKED)} locked versions audited; findings: 4" in said


def test_what_is_accepted_passes_and_is_told(folder: Path) -> None:
    (folder / audit.ACCEPTED).write_text(
        '[[accepted]]\npackage = "django"\nadvisory = "CVE-2026-1"\nreason = "Not used."\n'
        f"until = {datetime.now(UTC).date()}\n",
        encoding="utf-8",
    )
    with advisory_service(known(DJANGO)) as (url, _):
        status, said = run(folder, url, JAZARI_REQUIRE_AUDIT="1")
    assert status == 0
    assert f"  {DJANGO}  PYSEC-2026-9 = CVE-2026-1  fixed in 9999: until " in said
    assert "findings: 0" in said


def test_nothing_known_passes_where_the_service_knows_the_control(folder: Path) -> None:
    with advisory_service(KNOWN_FOR_YEARS) as (url, _):
        assert run(folder, url, JAZARI_REQUIRE_AUDIT="1") == (
            0, f"{len(LOCKED)} of {len(LOCKED)} locked versions audited; findings: 0\n",
        )  # fmt: skip


@pytest.mark.parametrize(("required", "expected"), [("", 0), ("1", 1)])
@pytest.mark.parametrize("how", ["nobody answers", "always empty", "out of service"])
def test_a_service_that_is_no_help_is_said_aloud(folder: Path, how: str, required: str, expected: int) -> None:
    with ExitStack() as running:
        url, _ = running.enter_context(advisory_service({}, status=503 if how == "out of service" else 200))
        if how == "nobody answers":
            running.close()
        status, said = run(folder, url, JAZARI_REQUIRE_AUDIT=required)
    assert said.startswith(f"{audit.NOT_AUDITED}\n")
    assert status == expected


def test_a_broken_audit_is_not_taken_for_a_missing_service(folder: Path) -> None:
    (folder / "dev.txt").write_text("django>=5\n", encoding="utf-8")
    status, said = run(folder, "http://127.0.0.1:9/")
    assert status == 2
    assert "dev.txt, line 1" in said
    done = subprocess.run([sys.executable, audit.__file__], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert "No module named pip_audit" in done.stderr

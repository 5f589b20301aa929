"""Every study process imports the participant: it must not pull in what it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["participant", "coordinator", "inprocess", "simulate", "disclosures"])
def test_no_database_engine_or_data_frames(module: str) -> None:
    program = (
        f"import sys, jazari.studies.{module}; "
        "print([name for name in ('django', 'pandas', 'pyarrow', 'nvflare', 'scipy', 'opendp') if name in sys.modules])"
    )
    repository = str(Path(__file__).parents[3])
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=repository)
    assert told.stdout.strip() == "[]"

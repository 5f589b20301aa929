"""`jazari dataset budget` at an institute's own node."""

from __future__ import annotations

from pathlib import Path

from jazari.testing import made_up
from jazari.testing.commands import Commands


def test_a_steward_sets_a_budget_and_sees_what_is_left(tmp_path: Path) -> None:
    home, commands = tmp_path / "settat", Commands()
    commands.run("institute", "create", "settat", "--title", "fr=Settat", "--plain", "--steward-plain", home=home)
    refusal = commands.refused("dataset", "budget", "plots", "--epsilon", "10", home=home)
    assert refusal.code == "studies.data-set-not-found"
    files = made_up.write_data_set(tmp_path / "files", made_up.rows("some", 40))
    commands.run("dataset", "register", "plots", *made_up.options(files), home=home)
    assert commands.refused("dataset", "budget", "plots", home=home).code == "studies.no-budget"
    declared = commands.run("dataset", "budget", "plots", "--epsilon", "10", "--delta", "1e-6", home=home)
    assert (declared["epsilon"], declared["delta"], declared["epsilon_left"]) == (10.0, 1e-6, 10.0)
    raised = commands.run("dataset", "budget", "plots", "--epsilon", "12", home=home)
    assert (raised["epsilon"], raised["delta"], raised["spent"]) == (12.0, 1e-6, [])
    assert commands.run("dataset", "budget", "plots", home=home) == raised

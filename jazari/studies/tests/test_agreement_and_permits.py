"""The text that is approved, and the permit without which nothing is computed."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jazari.core import clock
from jazari.core.canonical import digest
from jazari.core.errors import JazariError
from jazari.studies import agreement as agreement_module
from jazari.studies.agreement import StudyText, agreement_digest, parse_study, recipe_digest, study_dict
from jazari.studies.decisions import Choice
from jazari.studies.disclosures import disclosures_of
from jazari.studies.errors import BadPermit, BadStudy, NoPermit, PermitExpired, RecipeChanged, UnknownRecipe
from jazari.studies.permits import check_permit, load_permit, permit_path, withdraw_permit, write_stewards
from jazari.studies.tests.builders import LINEAR, SCHEMA, STATISTICS, Site, make_sites, make_study, schema

NAMES = ["fes", "rabat"]


@pytest.fixture
def study() -> StudyText:
    return make_study("statistics", STATISTICS, NAMES)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_sites(tmp_path)["fes"]


def test_what_is_published_is_what_is_agreed(study: StudyText) -> None:
    assert parse_study(study_dict(study)) == study
    assert agreement_digest(study) == digest(study_dict(study))
    assert study.institutes == ("fes", "rabat")


@pytest.mark.parametrize("field", sorted(StudyText.model_fields))
def test_a_change_of_anything_is_another_agreement(study: StudyText, field: str) -> None:
    others: dict[str, Any] = {
        "title": "x", "purpose": "x", "proposer": "x", "recipe": "glm", "recipe_digest": "sha256:" + "0" * 64,
        "parameters": {}, "variables": study.variables[:1], "datasets": {"fes": "fes/dataset/soil@2"},
        "contract": (), "floor": 9, "minimum_institutes": 2, "max_rounds": 7, "max_runs": 2, "largest_rows": 7,
        "secure_aggregation": True,
        "round_deadline_seconds": 1, "expires": "2100-01-01T00:00:00Z",
    }  # fmt: skip
    assert agreement_digest(study.model_copy(update={field: others[field]})) != agreement_digest(study)


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": 1},
        {"floor": 0},
        {"floor": "ten"},
        {"expires": "2026-13-01T00:00:00Z"},
        {"expires": "tomorrow"},
        {"datasets": {"fes": "rabat/dataset/soil@1"}},
        {"datasets": {"fes": "fes/study/soil@1"}},
        {"datasets": {"fes": "fes/dataset/soil"}},
        {"datasets": {"../fes": "fes/dataset/soil@1"}},
        {"datasets": {}},
        {"minimum_institutes": 3},
        {"max_rounds": 10**6},
        {"recipe_digest": "sha256:x"},
        {"parameters": {"x": float("nan")}},
        {"purpose": ""},
    ],
)
def test_a_text_that_is_no_study(study: StudyText, changes: dict[str, Any]) -> None:
    with pytest.raises(BadStudy):
        parse_study(study_dict(study) | changes)


def test_a_text_that_leaves_a_default_out_is_refused(study: StudyText) -> None:
    short = study_dict(study)
    del short["floor"]
    with pytest.raises(BadStudy, match="leaves out"):
        parse_study(short)


def test_a_variable_twice_is_refused(study: StudyText) -> None:
    twice = study_dict(study)
    twice["variables"] *= 2
    with pytest.raises(BadStudy, match="twice"):
        parse_study(twice)


def test_the_recipe_digest_covers_code_and_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert recipe_digest("glm") != recipe_digest("statistics")
    before = recipe_digest("glm")
    recipe_digest.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(agreement_module, "version", lambda _: "0")
        assert recipe_digest("glm") != before
        recipe_digest.cache_clear()
        patched.undo()
        patched.setattr(
            agreement_module, "_file_digest", lambda package, name: "changed" if name == "guard.py" else name
        )
        changed = recipe_digest("glm")
    recipe_digest.cache_clear()
    assert len({before, changed, recipe_digest("statistics")}) == 3
    assert recipe_digest("glm") == before


def test_every_module_between_data_and_message_is_in_the_digest() -> None:
    folder = Path(agreement_module.__file__).parent
    guarded = set(agreement_module._GUARDED)
    assert {f"data/{p.name}" for p in (folder / "data").glob("*.py")} - {"data/__init__.py"} <= guarded
    from jazari.studies.recipes.registry import find_recipe, recipe_names

    sources = {f"recipes/{s}" for name in recipe_names() for s in find_recipe(name).sources}
    assert {f"recipes/{p.name}" for p in (folder / "recipes").glob("*.py")} - {
        "recipes/__init__.py"
    } <= guarded | sources


def test_what_applies_a_model_is_in_the_digest_of_an_evaluation() -> None:
    from jazari.studies.recipes.registry import find_recipe

    folder = Path(agreement_module.__file__).parent
    not_applied = {"card.py", "from_result.py", "publishing.py", "rows.py"}
    applied = {f"portable/{path.name}" for path in (folder / "portable").glob("*.py") if path.name not in not_applied}
    sources = set(find_recipe("evaluation").sources)
    assert applied <= sources
    assert all((folder / (name if "/" in name else f"recipes/{name}")).is_file() for name in sources)


def test_an_unknown_recipe_says_which_there_are() -> None:
    with pytest.raises(UnknownRecipe, match=r"choose one of .*glm.*statistics"):
        recipe_digest("magic")


def test_a_good_permit_gives_its_study(site: Site, study: StudyText) -> None:
    permit = site.permit(study)
    assert check_permit(load_permit(site.engine, "r-1"), site.engine, "r-1", "fes") == study
    assert permit_path(site.engine, "r-1").stat().st_mode & 0o077 == 0
    assert permit.schema_of_data() == schema()


Change = Callable[[Site, StudyText], dict[str, Any]]
CHANGES: dict[str, Change] = {
    "another institute": lambda site, study: {"namespace": "rabat"},
    "changed after approval": lambda site, study: {"study": study_dict(study) | {"floor": 2}},
    "decided on another study": lambda site, study: {"approval": site.approval("sha256:" + "0" * 64)},
    "did not approve": lambda site, study: {"approval": site.approval(agreement_digest(study), choice=Choice.REFUSE)},
    "steward did not": lambda site, study: {"approval": site.approval(agreement_digest(study), choice=Choice.WITHDRAW)},
    "another institute's steward": lambda site, study: {
        "approval": site.approval(agreement_digest(study), institute="rabat")
    },
    "signature does not fit": lambda site, study: {
        "approval": site.approval(agreement_digest(study)).model_copy(update={"signature": "0" * 128})
    },
    "not in order": lambda site, study: {"participants": ("rabat", "fes")},
    "not in the run": lambda site, study: {"participants": ("rabat",)},
    "not named": lambda site, study: {"participants": ("fes", "taza")},
    "another data set": lambda site, study: {"dataset": "fes/dataset/people@1"},
}


@pytest.mark.parametrize("problem", CHANGES)
def test_a_permit_that_does_not_fit_is_refused(site: Site, study: StudyText, problem: str) -> None:
    site.permit(study, **CHANGES[problem](site, study))
    with pytest.raises(BadPermit, match=problem):
        check_permit(load_permit(site.engine, "r-1"), site.engine, "r-1", "fes")


def test_a_permit_copied_to_another_run_is_refused(site: Site, study: StudyText) -> None:
    site.permit(study)
    permit_path(site.engine, "r-2").write_bytes(permit_path(site.engine, "r-1").read_bytes())
    with pytest.raises(BadPermit, match="another run"):
        check_permit(load_permit(site.engine, "r-2"), site.engine, "r-2", "fes")


def test_fewer_institutes_than_agreed_are_refused(site: Site) -> None:
    study = make_study("statistics", STATISTICS, NAMES, minimum_institutes=2)
    site.permit(study, institutes=["fes"])
    with pytest.raises(BadPermit, match="fewer institutes"):
        check_permit(load_permit(site.engine, "r-1"), site.engine, "r-1", "fes")


def test_another_stewards_key_is_refused(site: Site, study: StudyText, tmp_path: Path) -> None:
    stranger = make_sites(tmp_path / "other")["fes"]
    site.permit(study, approval=stranger.approval(agreement_digest(study)))
    with pytest.raises(BadPermit, match="key is not its steward's"):
        check_permit(load_permit(site.engine, "r-1"), site.engine, "r-1", "fes")


@pytest.mark.parametrize("pinned", [None, b"", b"{", b"[]", b"{}", b"[" * 50_000])
def test_without_a_pinned_key_nothing_is_allowed(site: Site, study: StudyText, pinned: bytes | None) -> None:
    site.permit(study)
    (site.engine / "stewards.json").unlink()
    if pinned is not None:
        (site.engine / "stewards.json").write_bytes(pinned)
    with pytest.raises(BadPermit, match="pinned"):
        check_permit(load_permit(site.engine, "r-1"), site.engine, "r-1", "fes")
    write_stewards(site.engine, [site.key.key])
    assert check_permit(load_permit(site.engine, "r-1"), site.engine, "r-1", "fes")


@pytest.mark.parametrize("which", ["permit", "study"])
def test_an_expired_permit_is_refused(site: Site, study: StudyText, which: str) -> None:
    site.permit(study)
    later = clock.now() + timedelta(days=2 if which == "permit" else 31)
    if which == "study":
        site.permit(study, not_after=clock.timestamp(clock.now() + timedelta(days=400)))
    permit = load_permit(site.engine, "r-1")
    with clock.frozen(later), pytest.raises(PermitExpired, match="ended on"):
        check_permit(permit, site.engine, "r-1", "fes")


def test_a_date_that_is_none_is_refused(site: Site, study: StudyText) -> None:
    site.permit(study, not_after="2026-02-30T00:00:00Z")
    with pytest.raises(BadPermit, match="no valid date"):
        check_permit(load_permit(site.engine, "r-1"), site.engine, "r-1", "fes")


def test_changed_code_is_refused(site: Site) -> None:
    study = make_study("statistics", STATISTICS, NAMES, recipe_digest="sha256:" + "1" * 64)
    site.permit(study)
    with pytest.raises(RecipeChanged, match="not the code that was approved"):
        check_permit(load_permit(site.engine, "r-1"), site.engine, "r-1", "fes")


def test_no_permit_no_run(site: Site, study: StudyText) -> None:
    with pytest.raises(NoPermit):
        load_permit(site.engine, "r-1")
    site.permit(study)
    withdraw_permit(site.engine, "r-1")
    withdraw_permit(site.engine, "r-1")
    with pytest.raises(NoPermit):
        load_permit(site.engine, "r-1")


@pytest.mark.parametrize("raw", [b"", b"{}", b"null", b"\xff", b"[" * 50_000])
def test_a_broken_permit_is_refused(site: Site, raw: bytes) -> None:
    path = permit_path(site.engine, "r-1")
    path.parent.mkdir(parents=True)
    path.write_bytes(raw)
    with pytest.raises(BadPermit):
        load_permit(site.engine, "r-1")


def test_a_huge_permit_is_refused(site: Site) -> None:
    path = permit_path(site.engine, "r-1")
    path.parent.mkdir(parents=True)
    path.touch()
    os.truncate(path, 5 * 2**20)
    with pytest.raises(BadPermit, match="too large"):
        load_permit(site.engine, "r-1")


def test_a_run_id_is_no_path(site: Site) -> None:
    with pytest.raises(JazariError):
        load_permit(site.engine, "../stewards")


def test_a_steward_reads_what_would_leave(study: StudyText) -> None:
    text = " ".join(disclosures_of(study, {"fes": schema(), "rabat": schema()}))
    assert "how many values of ph are missing" in text.lower()
    assert "histogram of 5 bins from 4 to 9" in text
    assert "fewer than 10 distinct subjects" in text
    assert "only two institutes" in text


def test_a_group_that_names_one_institute_is_told() -> None:
    variables = [dict(v) for v in SCHEMA["variables"]]
    variables[1]["levels"] = ["barley", "rice"]
    study = make_study("statistics", {"variables": ["ph"], "by": ["crop"]}, NAMES)
    told = disclosures_of(study, {"fes": schema(), "rabat": schema(variables=variables)})
    own = [sentence for sentence in told if sentence.startswith("Only ")]
    assert len(own) == 2
    assert own[0].startswith("Only fes has data with crop = maize, wheat")
    assert own[1].startswith("Only rabat has data with crop = rice")


def test_no_floor_and_one_institute_are_told() -> None:
    study = make_study("glm", LINEAR, NAMES, floor=1, max_runs=3)
    text = " ".join(disclosures_of(study, {"fes": schema(), "rabat": schema()}))
    assert "single subject" in text
    assert "one institute alone" in text
    assert "up to 3 times" in text
    assert "squares and products of ph, crop" in text

"""Texts: read only where a study agrees on them, hashed, and classified without a word leaving."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.studies.agreement import StudyText, recipe_digest
from jazari.studies.data.loading import load_table
from jazari.studies.data.mapped import account, harmonised
from jazari.studies.data.mapping import check_mapping, parse_mapping
from jazari.studies.data.schema import MAX_TEXT, Schema, agree_variables, check_agreed, parse_schema
from jazari.studies.data.table import Table
from jazari.studies.disclosures import disclosures_of
from jazari.studies.errors import BadData, BadMapping, BadParameters, ColumnMissing, IncompatibleData
from jazari.studies.messages import Message, encode
from jazari.studies.pooled import max_relative_difference, pooled
from jazari.studies.pooled_fedavg import _words as textbook_words
from jazari.studies.proposals import make_proposal
from jazari.studies.recipes.fedavg_model import predict
from jazari.studies.recipes.fedavg_text import bags, bucket, tokens
from jazari.studies.recipes.registry import find_recipe, plan_of
from jazari.studies.simulate import Simulated, simulate

PINNED = [378, 418, 477]
"""``printf 'letter\\x1feau' | b2sum -l 64`` as a number modulo 1000, and so on: not computed by this code."""
TOPICS = ("water", "roads", "school")
WORDS = {
    "water": ["ماء", "بئر", "eau", "puits", "well", "ⴰⵎⴰⵏ", "irrigation", "barrage"],
    "roads": ["طريق", "route", "road", "ⴰⴱⵔⵉⴷ", "pont", "bridge", "piste", "جسر"],
    "school": ["مدرسة", "école", "school", "ⵜⵉⵏⵎⵍ", "élève", "teacher", "classe", "معلم"],
}
COMMON = ["le", "the", "في", "ⴷ", "nous", "please", "village", "من"]
SCHEMA = {
    "subject": ["person"],
    "variables": [
        {"name": "person", "kind": "identifier"},
        {"name": "topic", "kind": "category", "levels": list(TOPICS)},
        {"name": "letter", "kind": "text"},
        {"name": "answer", "kind": "text"},
        {"name": "age", "kind": "numeric", "lower": 0, "upper": 120},
    ],
}
ASKED = {"model": "text", "task": "multiclass", "response": "topic", "predictors": ["letter"], "buckets": 256,
         "rounds": 15, "learning_rate": 2.0, "clip": 100.0, "batch": 0}  # fmt: skip
NAMES = ["fes", "rabat"]


def text_schema() -> Schema:
    return parse_schema(SCHEMA)


def letters(seed: int, rows: int = 150) -> Table:
    """Letters of 3 words on their topic among 5 common ones, with capitals and signs."""
    source = np.random.default_rng(seed)
    topics = source.integers(0, 3, rows)
    texts = []
    for topic in topics:
        words = [*source.choice(WORDS[TOPICS[topic]], 3), *source.choice(COMMON, 5)]
        source.shuffle(words)
        texts.append(", ".join(words).capitalize() + ".")
    subject = np.arange(rows, dtype=np.int64)
    answers = tuple("" if n % 3 else "Merci!" for n in range(rows))
    return Table(text_schema(), rows, subject, rows, {"age": source.uniform(0, 99, rows)},
                 {"topic": topics.astype(np.int64)}, {"letter": tuple(texts), "answer": answers})  # fmt: skip


def text_study(recipe: str = "fedavg", parameters: dict[str, Any] | None = None, **changes: Any) -> StudyText:
    asked = ASKED | (parameters or {}) if recipe == "fedavg" else (parameters or {})
    names = [v["name"] for v in SCHEMA["variables"] if v["name"] != "person"]  # type: ignore[index]
    values: dict[str, Any] = {
        "title": "Letters", "purpose": "To test.", "proposer": "fes", "recipe": recipe,
        "recipe_digest": recipe_digest(recipe), "parameters": json.loads(json.dumps(asked)),
        "variables": agree_variables(dict.fromkeys(NAMES, text_schema()), names),
        "datasets": {name: f"{name}/dataset/letters@1" for name in NAMES}, "expires": "2100-01-01T00:00:00Z",
        "secure_aggregation": False, "minimum_institutes": 1,
    }  # fmt: skip
    return StudyText(**(values | changes))


def run(parameters: dict[str, Any] | None = None, data: dict[str, Table] | None = None, **changes: Any) -> Simulated:
    return simulate(text_study(parameters=parameters, **changes), data or both())


def both() -> dict[str, Table]:
    return {"fes": letters(1), "rabat": letters(2, 180)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L'École d'été, N°12!", ["l", "ecole", "d", "ete", "n", "12"]),
        ("المَدْرَسَةُ الأُولى", ["المدرسه", "الاولي"]),
        ("المدرســـة", ["المدرسه"]),
        ("ⵜⴰⵎⵓⵔⵜ ⵏ ⵍⵎⵖⵔⵉⴱ", ["ⵜⴰⵎⵓⵔⵜ", "ⵏ", "ⵍⵎⵖⵔⵉⴱ"]),
        ("ⴰⵣⴳⵯⴰⵖ", ["ⴰⵣⴳⴰⵖ"]),
        ("Œuvre ŒUVRE oeuvre", ["oeuvre"] * 3),
        ("STRASSE straße", ["strasse"] * 2),
        ("٢٠٢٦ 2026", ["2026", "2026"]),
        ("well-being\u200bs a_b", ["well", "beings", "a", "b"]),
        ("  \n ... ", []),
        ("x" * 100, ["x" * 60]),
    ],
)
def test_words_of_four_languages(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@given(st.text(max_size=60))
def test_words_as_written_apart(text: str) -> None:
    assert tokens(text) == textbook_words(text)
    assert tokens(" ".join(tokens(text))) == tokens(text)


def test_the_hash_is_the_same_on_every_machine() -> None:
    assert [bucket("letter", [word], 1000) for word in ("eau", "ماء", "ⴰⵎⴰⵏ")] == PINNED
    assert bucket("answer", ["eau"], 10**9) != bucket("letter", ["eau"], 10**9)
    assert bucket("letter", ["a", "b"], 10**9) != bucket("letter", ["ab"], 10**9)
    found = np.bincount([bucket("letter", [str(n)], 16) for n in range(16_000)], minlength=16)
    assert 850 < found.min() <= found.max() < 1150


def test_bags_by_hand() -> None:
    held = bags([("letter", ["Eau, eau puits", ""])], 2**15, 2)
    eau, puits = bucket("letter", ["eau"], 2**15), bucket("letter", ["puits"], 2**15)
    pairs = [bucket("letter", words, 2**15) for words in (["eau", "eau"], ["eau", "puits"])]
    dense = held.take(np.array([0, 1]), np.ones(2**15, dtype=np.bool_))
    assert {place: dense[0, place] for place in np.flatnonzero(dense[0])} == {
        eau: pytest.approx(2 / np.sqrt(7)),
        puits: pytest.approx(1 / np.sqrt(7)),
        **dict.fromkeys(pairs, pytest.approx(1 / np.sqrt(7))),
    }
    assert not dense[1].any()
    kept = np.zeros(2**15, dtype=np.bool_)
    kept[puits] = True
    assert held.take(np.array([0]), kept)[0, puits] == 1


@pytest.mark.parametrize("changes", [
    {}, {"ngrams": 2}, {"predictors": ["letter", "answer"], "missing": "impute"}, {"predictors": ["letter", "answer"]},
    {"task": "binary", "positive": "water"}, {"algorithm": "fedadam", "server_learning_rate": 0.1},
])  # fmt: skip
@pytest.mark.parametrize("floor", [1, 10])
def test_the_classifier_trained_in_one_place(changes: dict[str, Any], floor: int) -> None:
    study = text_study(parameters=changes | {"rounds": 3}, floor=floor)
    assert max_relative_difference(simulate(study, both()).result, pooled(study, both()), {}) <= 1e-9


def test_letters_are_told_apart() -> None:
    told = run({"batch": 16, "epochs": 2})
    new = letters(3, 90)
    shares = predict(told.result, {"letter": list(new.texts["letter"])})
    assert shares.shape == (90, 3)
    assert (shares.argmax(axis=1) == new.codes["topic"]).mean() >= 0.95
    assert np.isnan(predict(told.result, {"letter": [""]})).all()
    assert predict(told.result, {"letter": []}).shape == (0, 3)


def test_a_bucket_of_few_subjects_stays_out_of_training() -> None:
    table = letters(1)
    secret = "zellige9731"
    place, known = bucket("letter", [secret], 2**15), set(bags([("letter", table.texts["letter"])], 2**15, 1).index)
    assert place not in known
    texts = list(table.texts["letter"])
    for row in range(9):
        texts[row] += f" {secret}"
    few = Table(table.schema, table.rows, table.subject, table.subjects, table.numeric, table.codes,
                {"letter": tuple(texts)})  # fmt: skip
    asked = {"buckets": 2**15, "rounds": 2}
    told = simulate(text_study(parameters=asked), {"fes": few})
    assert not np.any(told.result["layers"][0]["weights"][place])
    shown = simulate(text_study(parameters=asked, floor=9), {"fes": few})
    assert np.any(shown.result["layers"][0]["weights"][place])
    # The rest of the message is that of letters without the word.
    plain = simulate(text_study(parameters=asked), {"fes": letters(1)})
    assert [encode(Message("answer", "x", 1, total)) for total in told.totals] == [
        encode(Message("answer", "x", 1, total)) for total in plain.totals
    ]


def test_no_word_is_in_what_leaves_or_in_the_result() -> None:
    told = run({"rounds": 2})
    sent = b"".join(encode(Message("answer", "x", 1, total)) for total in told.totals)
    for word in ("puits", "ماء", "ⴰⵎⴰⵏ"):
        assert word.encode() not in sent
        assert word not in json.dumps(told.result, ensure_ascii=False)


def test_the_example_of_the_guide_is_valid() -> None:
    guide = (Path(__file__).parents[3] / "docs/how-to/run-a-study.md").read_text(encoding="utf-8")
    block = guide.split("### fedavg")[1].split("```toml")[1].split("```")[0]
    proposal = make_proposal(tomllib.loads(block))
    recipe = find_recipe(proposal.recipe)
    parameters = recipe.parse(proposal.parameters)
    assert recipe.variables(parameters) == ("letter", "office")
    assert proposal.max_rounds > parameters.rounds  # type: ignore[attr-defined]


def test_a_steward_reads_that_words_may_be_tried() -> None:
    text = " ".join(disclosures_of(text_study(), dict.fromkeys(NAMES, text_schema())))
    for said in ("No word leaves", "256 buckets", "try which words", "Which levels of topic"):
        assert said in text


@pytest.mark.parametrize(
    ("recipe", "parameters"),
    [
        ("statistics", {"variables": ["letter"]}),
        ("statistics", {"variables": ["age"], "by": ["letter"]}),
        ("glm", {"family": "gaussian", "responses": ["age"], "predictors": ["letter"]}),
        ("glm", {"family": "binomial", "responses": ["letter"], "predictors": ["age"], "positive": "x"}),
        ("fedavg", {"model": "mlp", "predictors": ["letter"]}),
        ("fedavg", {"predictors": ["age"]}),
        ("fedavg", {"response": "answer"}),
    ],
)
def test_other_recipes_get_no_text(recipe: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(BadParameters, match="text"):
        plan_of(text_study(recipe, parameters), 2)


CSV = 'person,topic,letter,answer,age\na,water,"L\'eau, s\'il vous plaît",NA,30\nb,roads,  الطريق ,"",40\n'


def read(folder: Path, csv: str, texts: tuple[str, ...]) -> Table:
    (folder / "letters.csv").write_text(csv, encoding="utf-8")
    return load_table(folder / "letters.csv", parse_schema(SCHEMA | {"missing": ["", "NA"]}), texts)


def test_only_the_agreed_texts_are_read(tmp_path: Path) -> None:
    table = read(tmp_path, CSV, ("letter",))
    assert table.texts == {"letter": ("L'eau, s'il vous plaît", "الطريق")}
    assert read(tmp_path, CSV, ("answer",)).texts == {"answer": ("", "")}
    assert read(tmp_path, CSV, ()).texts == {}
    with pytest.raises(ColumnMissing, match="'answer'"):
        table.words("answer")


def test_a_text_that_is_too_long_is_named_and_not_shown(tmp_path: Path) -> None:
    assert len(read(tmp_path, CSV.replace("NA", "y" * MAX_TEXT), ("answer",)).texts["answer"][0]) == MAX_TEXT
    with pytest.raises(BadData, match=rf"Row 2, column 'answer'.*{MAX_TEXT} characters") as refused:
        read(tmp_path, CSV.replace("NA", "y" * (MAX_TEXT + 1)), ("answer",))
    assert "yy" not in str(refused.value)


def test_texts_of_parquet_files(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"person": ["a", "b"], "topic": ["water", "roads"], "letter": ["eau", None], "answer": [1.0, 2.0],
               "age": [3.0, 4.0]}  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "letters.parquet")
    table = load_table(tmp_path / "letters.parquet", text_schema(), ("letter", "answer"))
    assert table.texts == {"letter": ("eau", ""), "answer": ("1", "2")}


def test_a_mapping_leaves_texts_as_they_are(tmp_path: Path) -> None:
    table = read(tmp_path, CSV, ("letter",))
    agreed = agree_variables({"fes": text_schema()}, ["letter", "topic"])
    rule = {"from": "topic", "levels": {"water": "roads", "roads": "roads", "school": "school"}}
    mapping = parse_mapping({"study": "fes/study/letters@1", "variables": {"topic": rule}})
    check_mapping(mapping, table.schema, agreed)
    mapped = harmonised(table, mapping, agreed)
    assert mapped.words("letter") == table.words("letter")
    assert mapped.levels("topic", TOPICS).tolist() == [1, 1]
    (told, _) = account(table, mapping, agreed)
    assert (told["variable"], told["usable"], told["missing"]) == ("letter", 2, 0)
    other = parse_mapping({"study": "fes/study/letters@1", "variables": {"letter": {"from": "answer"}}})
    with pytest.raises(BadMapping, match="a text is used as it is"):
        check_mapping(other, table.schema, agreed)


def test_texts_are_agreed_by_kind() -> None:
    (letter,) = agree_variables({"fes": text_schema()}, ["letter"])
    assert (letter.kind, letter.levels, letter.lower) == ("text", (), None)
    check_agreed(text_schema(), [letter])
    other = parse_schema({"variables": [{"name": "letter", "kind": "numeric"}]})
    with pytest.raises(IncompatibleData, match="new study"):
        check_agreed(other, [letter])

"""A network trained on all rows in one place, as if they were one institute's (see ``pooled``).

Equal to federated training of several institutes where each takes one step over all its rows in a round (``epochs``
1, ``batch`` 0) and no change is clipped, since the mean of their gradients by rows is the gradient of all rows;
otherwise it is what such training is measured against. Small cells are left out at each institute before.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jazari.studies.data.table import Table
from jazari.studies.recipes.base import Plan

_FEW, _MISSING, _CAP = 3, "(missing)", 100.0
_WRITTEN_OTHERWISE = {
    "أ": "ا",
    "إ": "ا",
    "آ": "ا",
    "ٱ": "ا",
    "ى": "ي",
    "ة": "ه",
    "ـ": "",
    "ⵯ": "",
    "œ": "oe",
    "æ": "ae",
}


def pooled_fedavg(plan: Plan, tables: Mapping[str, Table]) -> dict[str, Any]:
    """What the recipe ``fedavg`` should say of one institute that holds all rows."""
    frames = [_usable(_frame(tables[name], plan), plan) for name in sorted(tables)]
    rows = pd.concat(frames, ignore_index=True)
    scales = _scales(rows, plan)
    if plan.parameters.model == "text":
        inputs = np.vstack([_bags(frame, plan) for frame in frames])
    else:
        inputs = _inputs(rows, plan, scales)
    layers, history = _train(inputs, _targets(rows, plan, scales), plan)
    centre, scale = scales.get(plan.parameters.response, (0.0, 1.0))
    response = plan.variables[plan.parameters.response]
    return {
        **{name: getattr(plan.parameters, name) for name in ("model", "task", "algorithm", "activation")},
        "response": {"name": response.name, "unit": response.unit, "classes": _classes(plan),
                     "centre": centre, "scale": scale},
        "inputs": _told_inputs(plan, scales),
        "layers": [{"weights": matrix.tolist(), "biases": bias.tolist()} for matrix, bias in layers],
        "parameters": sum(matrix.size + bias.size for matrix, bias in layers),
        "rows": len(rows),
        "subjects": sum(frame["__subject"].nunique() for frame in frames),
        "rounds": len(history),
        "loss_cap": _CAP,
        "history": history,
        "unused": _unused(frames, [tables[name] for name in sorted(tables)], plan),
    }  # fmt: skip


def _frame(table: Table, plan: Plan) -> pd.DataFrame:
    columns: dict[str, Any] = {"__subject": table.subject}
    for name in (*plan.parameters.predictors, plan.parameters.response):
        if name in table.numeric:
            columns[name] = table.numeric[name]
        elif name in table.texts:
            columns[name] = np.array([text or None for text in table.texts[name]], dtype=object)
        else:
            own = np.array([*table.schema.variable(name).levels, None], dtype=object)
            columns[name] = own[table.codes[name]]
    frame = pd.DataFrame(columns)
    frame["__outcome"] = _outcome(frame[plan.parameters.response], plan)
    return frame


def _outcome(column: pd.Series, plan: Plan) -> pd.Series:
    """The response: a number, or the place of the class."""
    if plan.parameters.task == "regression" or column.dtype == float:
        return column
    if plan.parameters.task == "binary":
        return (column == plan.parameters.positive).astype(float).where(column.notna())
    return column.map({level: float(place) for place, level in enumerate(_classes(plan))}).astype(float)


def _classes(plan: Plan) -> list[str]:
    variable, positive = plan.variables[plan.parameters.response], plan.parameters.positive
    if plan.parameters.task == "regression":
        return []
    if plan.parameters.task == "multiclass":
        return list(variable.levels)
    if positive is None:
        return ["0", "1"]
    others = [level for level in variable.levels if level != positive]
    return [others[0] if len(others) == 1 else f"not {positive}", positive]


def _usable(frame: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """The rows that one institute uses."""
    used = frame["__outcome"].notna()
    if plan.parameters.missing == "leave_out":
        used &= frame[list(plan.parameters.predictors)].notna().all(axis=1)
    while True:
        kept = used & ~_rare(frame, used, ["__outcome"] if _counts(frame[used], "__outcome", plan) else [], plan)
        kept = _spare(frame, kept & ~_rare_levels(frame, kept, plan), plan.floor)
        if kept.equals(used):
            return frame[used]
        used = kept


def _counts(rows: pd.DataFrame, name: str, plan: Plan) -> bool:
    """Whether sums over the rows count the values of a column."""
    if name == "__outcome" and plan.parameters.task != "regression":
        return True
    return not _is_numeric(name, plan) or 0 < rows[name].nunique() <= _FEW


def _is_numeric(name: str, plan: Plan) -> bool:
    return name == "__outcome" or plan.variables[name].kind == "numeric"


def _rare(frame: pd.DataFrame, used: pd.Series, names: list[str], plan: Plan) -> pd.Series:
    """Used rows whose values of ``names`` together occur in too few subjects."""
    drop = pd.Series(data=False, index=frame.index)
    if names and used.any():
        subjects = frame[used].groupby(names)["__subject"].transform("nunique")
        drop[subjects.index[subjects < plan.floor]] = True
    return drop


def _rare_levels(frame: pd.DataFrame, used: pd.Series, plan: Plan) -> pd.Series:
    drop = pd.Series(data=False, index=frame.index)
    if plan.parameters.model == "text":
        return drop
    for name in plan.parameters.predictors:
        values = frame[name].astype(object).where(frame[name].notna(), _MISSING)
        if not _counts(frame[used], name, plan):
            values = pd.Series(np.where(values == _MISSING, _MISSING, "(present)"), index=frame.index)
        shown = frame.assign(__level=values.map(str))
        drop |= _rare(shown, used, ["__level"], plan)
        if _counts(frame[used], "__outcome", plan):
            bad = shown["__level"][_rare(shown, used, ["__level", "__outcome"], plan)].unique()
            drop |= used & shown["__level"].isin(bad)
    return drop


def _spare(frame: pd.DataFrame, used: pd.Series, floor: int) -> pd.Series:
    out = set(frame["__subject"][~used])
    if not 0 < len(out) < floor:
        return used
    more = sorted(set(frame["__subject"][used]) - out)[: floor - len(out)]
    return used & ~frame["__subject"].isin(more)


def _unused(frames: Sequence[pd.DataFrame], tables: Sequence[Table], plan: Plan) -> dict[str, dict[str, int]]:
    found = {}
    predictors = () if plan.parameters.model == "text" else plan.parameters.predictors
    for name in (n for n in predictors if plan.variables[n].kind == "category"):
        found[name] = {level: sum(level in table.schema.variable(name).levels and not (frame[name] == level).any()
                                  for frame, table in zip(frames, tables, strict=True))
                       for level in plan.variables[name].levels}  # fmt: skip
    response = plan.parameters.response
    if _classes(plan):
        found[response] = {level: sum(_possible(level, table, plan) and not (frame["__outcome"] == place).any()
                                      for frame, table in zip(frames, tables, strict=True))
                           for place, level in enumerate(_classes(plan))}  # fmt: skip
    return found


def _possible(level: str, table: Table, plan: Plan) -> bool:
    return plan.parameters.task == "binary" or level in table.schema.variable(plan.parameters.response).levels


def _scales(rows: pd.DataFrame, plan: Plan) -> dict[str, tuple[float, float]]:
    names = [n for n in plan.parameters.predictors if plan.variables[n].kind == "numeric"]
    names += [plan.parameters.response] if plan.parameters.task == "regression" else []
    found = {}
    for name in names:
        low, high = float(plan.variables[name].lower or 0), float(plan.variables[name].upper or 0)
        centre, scale = (low + high) / 2, (high - low) / 2
        if plan.parameters.scaling == "moments" and rows[name].notna().any():
            deviation = float(rows[name].std(ddof=0))
            centre, scale = float(rows[name].mean()), deviation if deviation > 1e-12 * scale else scale
        found[name] = (centre, scale)
    return found


def _inputs(rows: pd.DataFrame, plan: Plan, scales: Mapping[str, tuple[float, float]]) -> Any:
    columns = []
    for name in plan.parameters.predictors:
        if name in scales:
            columns.append(((rows[name] - scales[name][0]) / scales[name][1]).fillna(0.0))
        else:
            columns += [(rows[name] == level).astype(float) for level in plan.variables[name].levels]
        if plan.parameters.missing == "impute":
            columns.append(rows[name].isna().astype(float))
    return np.column_stack(columns)


def _told_inputs(plan: Plan, scales: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    parameters = plan.parameters
    if parameters.model == "text":
        return {"texts": list(parameters.predictors), "buckets": parameters.buckets, "ngrams": parameters.ngrams,
                "missing": parameters.missing}  # fmt: skip
    told = []
    for name in parameters.predictors:
        centre, scale = scales.get(name, (0.0, 1.0))
        variable = plan.variables[name]
        told.append({"name": name, "levels": list(variable.levels), "unit": variable.unit, "centre": centre,
                     "scale": scale, "indicator": parameters.missing == "impute"})  # fmt: skip
    return {"predictors": told, "missing": parameters.missing}


def _words(text: str) -> list[str]:
    text = text.casefold()
    for one, other in _WRITTEN_OTHERWISE.items():
        text = text.replace(one, other)
    bare = "".join(character for character in unicodedata.normalize("NFKD", text) if not _is_mark(character))
    return [
        re.sub(r"\d", lambda digit: str(int(digit[0])), word)[:60] for word in re.findall(r"[^\W_]+", bare.casefold())
    ]


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")


def _bags(frame: pd.DataFrame, plan: Plan) -> Any:
    """One institute's bags, without the buckets that too few of its subjects use, each of length 1."""
    parameters = plan.parameters
    matrix = np.zeros((len(frame), parameters.buckets))
    for row, texts in enumerate(frame[list(parameters.predictors)].itertuples(index=False)):
        counted: Counter[int] = Counter()
        for name, text in zip(parameters.predictors, texts, strict=True):
            words = _words(text if isinstance(text, str) else "")
            for size in range(1, parameters.ngrams + 1):
                for first in range(len(words) - size + 1):
                    counted[_bucket(name, words[first : first + size], parameters.buckets)] += 1
        for place, count in counted.items():
            matrix[row, place] = count
    by_subject = pd.DataFrame(matrix > 0).groupby(frame["__subject"].to_numpy()).any()
    matrix[:, by_subject.sum().to_numpy() < plan.floor] = 0.0
    lengths = np.linalg.norm(matrix, axis=1)
    return matrix / np.where(lengths == 0, 1.0, lengths)[:, None]


def _bucket(column: str, words: Sequence[str], buckets: int) -> int:
    hashed = hashlib.blake2b("\x1f".join([column, *words]).encode(), digest_size=8).hexdigest()
    return int(hashed, 16) % buckets


def _targets(rows: pd.DataFrame, plan: Plan, scales: Mapping[str, tuple[float, float]]) -> Any:
    outcome = rows["__outcome"].to_numpy(dtype=float)
    if plan.parameters.task == "regression":
        centre, scale = scales[plan.parameters.response]
        return ((outcome - centre) / scale)[:, None]
    return outcome[:, None] if plan.parameters.task == "binary" else np.eye(len(_classes(plan)))[outcome.astype(int)]


def _train(inputs: Any, targets: Any, plan: Plan) -> tuple[list[Any], list[dict[str, Any]]]:
    parameters, layers = plan.parameters, _first_layers(inputs.shape[1], targets.shape[1], plan)
    rows, history = len(inputs), []
    first = [[np.zeros_like(part) for part in layer] for layer in layers]
    second = [[np.full_like(part, parameters.tau**2) for part in layer] for layer in layers]
    for number in range(1, parameters.rounds + 1):
        lost = np.minimum(_losses(_predict(layers, inputs, plan)[-1], targets, plan), _CAP).mean()
        after = _one_round(layers, inputs, targets, number, plan)
        change = [[new - old for new, old in zip(*pair, strict=True)] for pair in zip(after, layers, strict=True)]
        length = float(np.sqrt(sum((part**2).sum() for layer in change for part in layer)))
        shrink = min(1.0, parameters.clip / length) if length else 1.0
        history.append({"round": number, "loss": float(lost), "rows": rows, "clipped": int(length > parameters.clip)})
        for place, layer in enumerate(layers):
            for half in (0, 1):
                step = change[place][half] * shrink
                if parameters.algorithm == "fedadam":
                    first[place][half] = parameters.beta1 * first[place][half] + (1 - parameters.beta1) * step
                    second[place][half] = parameters.beta2 * second[place][half] + (1 - parameters.beta2) * step**2
                    step = first[place][half] / (np.sqrt(second[place][half]) + parameters.tau)
                layer[half] = layer[half] + parameters.server_learning_rate * step
    return layers, history


def _first_layers(inputs: int, outputs: int, plan: Plan) -> list[Any]:
    source = np.random.Generator(np.random.PCG64(plan.parameters.seed))
    widths = [inputs, *plan.parameters.layers, outputs]
    made = []
    for before, after in itertools.pairwise(widths):
        limit = np.sqrt(6 / (before + after)) if plan.parameters.layers else 0.0
        made.append([source.uniform(-1, 1, (before, after)) * limit, np.zeros(after)])
    return made


def _one_round(start: list[Any], inputs: Any, targets: Any, number: int, plan: Plan) -> list[Any]:
    parameters, rows = plan.parameters, len(inputs)
    source = np.random.Generator(np.random.PCG64([parameters.seed, number]))
    size = min(parameters.batch or rows, rows)
    layers = [list(layer) for layer in start]
    for _ in range(parameters.epochs):
        order = np.arange(rows) if size == rows else source.permutation(rows)
        for place in range(0, rows, size):
            batch = order[place : place + size]
            slopes = _slopes(layers, inputs[batch], targets[batch], plan)
            layers = [[w - parameters.learning_rate * (g + parameters.mu * (w - w0))
                       for w, g, w0 in zip(*parts, strict=True)]
                      for parts in zip(layers, slopes, start, strict=True)]  # fmt: skip
    return layers


def _predict(layers: list[Any], inputs: Any, plan: Plan) -> list[Any]:
    """The values at every layer, the last before the link."""
    values = [inputs]
    for matrix, bias in layers[:-1]:
        raised = values[-1] @ matrix + bias
        values.append(np.tanh(raised) if plan.parameters.activation == "tanh" else raised * (raised > 0))
    values.append(values[-1] @ layers[-1][0] + layers[-1][1])
    return values


def _link(outputs: Any, plan: Plan) -> Any:
    if plan.parameters.task == "regression":
        return outputs
    if plan.parameters.task == "binary":
        return np.exp(-np.logaddexp(0, -outputs))
    return np.exp(outputs - np.logaddexp.reduce(outputs, axis=1, keepdims=True))


def _losses(outputs: Any, targets: Any, plan: Plan) -> Any:
    if plan.parameters.task == "regression":
        return ((outputs[:, 0] - targets[:, 0]) ** 2) / 2
    if plan.parameters.task == "binary":
        return np.where(targets[:, 0] == 1, np.logaddexp(0, -outputs[:, 0]), np.logaddexp(0, outputs[:, 0]))
    return np.logaddexp.reduce(outputs, axis=1) - outputs[np.arange(len(outputs)), targets.argmax(axis=1)]


def _slopes(layers: list[Any], inputs: Any, targets: Any, plan: Plan) -> list[Any]:
    """The gradient of the mean loss by the chain rule (Rumelhart, Hinton and Williams, Nature 1986)."""
    values = _predict(layers, inputs, plan)
    error = (_link(values[-1], plan) - targets) / len(inputs)
    found: list[Any] = []
    for place in reversed(range(len(layers))):
        found.insert(0, [np.einsum("ri,ro->io", values[place], error), error.sum(axis=0)])
        bent = values[place]
        slope = 1 - bent**2 if plan.parameters.activation == "tanh" else np.sign(bent).clip(0)
        error = np.einsum("ro,io->ri", error, layers[place][0]) * slope
    return found

"""Data sets and studies on a benchmark's network, by the commands that people use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.network import Network, at_once

ABOUT = """[title]
en = "{title}"

[description]
en = "{title}"

[terms]
en = "{terms}"

[licence]
name = "{licence}"
"""


def offer(
    network: Network, name: str, rows: Mapping[str, str], schema: Mapping[str, Any], about: Mapping[str, str]
) -> list[str]:
    """Each institute registers its CSV text in ``rows`` and publishes the card; the references, in that order."""

    def one(item: tuple[str, str]) -> str:
        institute, text = item
        home = network.home(institute)
        folder = home / "data"
        folder.mkdir(exist_ok=True)
        data, declared, said = (folder / f"{name}.{end}" for end in ("csv", "schema.json", "about.toml"))
        data.write_text(text, encoding="utf-8")
        declared.write_text(json.dumps(schema), encoding="utf-8")
        said.write_text(ABOUT.format(**about), encoding="utf-8")
        network.run("dataset", "register", name, "--data", data, "--schema", declared, "--about", said, home=home)
        return str(network.run("dataset", "publish", name, home=home)["record"])

    return at_once(one, rows.items())


def propose(network: Network, proposer: str, name: str, recipe: str, datasets: Sequence[str], **more: Any) -> str:
    """Publish a study; its reference. ``more``: further fields of the proposal; ``parameters`` is a mapping."""
    parameters = more.pop("parameters")
    fields = {"name": name, "title": name, "purpose": "A benchmark.", "recipe": recipe, "datasets": list(datasets)}
    file = network.folder / f"{name}.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in (fields | more).items()]
    lines += ["[parameters]", *(f"{key} = {json.dumps(value)}" for key, value in parameters.items())]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(network.run("study", "propose", file, home=network.home(proposer))["study"])


def approve(network: Network, study: str, institutes: Sequence[str], proposer: str) -> None:
    """Every steward approves; the proposer reads the decisions."""

    def one(institute: str) -> None:
        home = network.home(institute)
        network.run("sync", home=home)
        network.run("study", "approve", study, "--steward-key", network.steward(institute), home=home)

    at_once(one, institutes)
    network.run("sync", home=network.home(proposer))


def run(network: Network, proposer: str, study: str, timeout_seconds: int = 120) -> dict[str, Any]:
    """Have the study run and wait for its published result: what ``jazari study run --wait`` says."""
    return network.run(
        "study", "run", study, "--wait", "--timeout", str(timeout_seconds), home=network.home(proposer)
    )  # fmt: skip

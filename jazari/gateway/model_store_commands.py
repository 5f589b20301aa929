"""`jazari models`: the models that this node keeps for its embedded engine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output

if TYPE_CHECKING:
    from jazari.gateway.embedded.store import StoredModel

models_app = make_app("The models that this node keeps for its embedded engine: add, list, verify, remove.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The model's name in the store, as routes ask for it.")]


def _home(home: Path) -> Path:
    from jazari.settings.home import Home

    return Home.open(home).path


@command(models_app, "add", example="jazari models add SmolLM2-135M-Instruct.Q4_1.gguf --name smollm2-135m")
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model in the GGUF format, on this machine.")],
    home: HomeOption,
    name: Annotated[str, typer.Option("--name", help="What it is called here: small letters, digits, . _ -.")],
    as_json: JsonOption = False,
) -> None:
    """Copy a model into the node's store, after its header was checked."""
    from jazari.gateway.embedded import store

    out = Output(as_json)
    with out.progress(f"Adding {file.name}"):
        model = store.add(_home(home), file, name)
    out.print_result(_facts(model), f"{name} is stored ({_words(model)}, sha256 {model.sha256}).")
    if not model.licence:
        out.warn("Note: the file does not say under which licence the model may be used; ask where it comes from.")


@command(models_app, "list", example="jazari models list")
def list_models(home: HomeOption, as_json: JsonOption = False) -> None:
    """List the models of the node's store."""
    from jazari.gateway.embedded import store

    out, found = Output(as_json), store.models(_home(home))
    columns = ("name", "architecture", "size_mb", "context_tokens", "licence", "title")
    rows = [_facts(model) | {"size_mb": round(model.size / 1e6)} for model in found]
    if rows:
        out.table("Models", columns, [[row[column] for column in columns] for row in rows])
    out.print_result({"models": [_facts(model) for model in found]}, "" if found else "None yet.")


@command(models_app, "verify", example="jazari models verify smollm2-135m")
def verify(name: Name, home: HomeOption, as_json: JsonOption = False) -> None:
    """Hash a model's file again, and compare it with what was added. The engine does so at every start."""
    from jazari.gateway.embedded import store

    out = Output(as_json)
    with out.progress(f"Hashing {name}"):
        model = store.check_content(_home(home), name)
    out.print_result(_facts(model), f"{name} is what was added (sha256 {model.sha256}).")


@command(models_app, "remove", example="jazari models remove smollm2-135m")
def remove(name: Name, home: HomeOption, as_json: JsonOption = False) -> None:
    """Take a model out of the store. An engine that runs it keeps it until the gateway stops."""
    from jazari.gateway.embedded import store

    model = store.remove(_home(home), name)
    Output(as_json).print_result(_facts(model), f"{name} is no longer in the store.")


def _facts(model: StoredModel) -> dict[str, Any]:
    return asdict(model)


def _words(model: StoredModel) -> str:
    licence = model.licence or "licence unknown"
    return f"{model.architecture}, {model.size / 1e6:.0f} MB, {licence}"

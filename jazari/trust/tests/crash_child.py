"""A process that is killed at a named step: ``python -m jazari.trust.tests.crash_child PATH ACTION STEP``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from jazari.trust.acceptance import accept
from jazari.trust.ceremonies.finishing import finish_ceremony
from jazari.trust.keys import load_signer
from jazari.trust.publication import Publication, Receipt
from jazari.trust.steps import observe
from jazari.trust.tests.world import World, any_card, draft


def opened(path: Path) -> World:
    """The world in ``path``, as another process finds it."""
    world = World.__new__(World)
    world.path = path
    world.signers = {file.stem: load_signer(file) for file in (path / "keys").glob("*.pem")}
    world.repository = world.open_repository()
    return world


def act(world: World, action: str) -> None:
    """What the process does before it is killed."""
    if action == "finish":
        finish_ceremony(world.repository, [world.path / "ceremony.json"])
        return

    def upload(publication: Publication) -> Receipt:
        return accept(world.repository, world.travelled(publication), any_card).receipt

    drafts = [draft("one", files={"rows.csv": world.path / "rows.csv"}), draft("two")]
    world.publisher("dakhla").publish(drafts, upload)


def main() -> None:
    """Die by SIGKILL when the step is reached; leave with 3 if it never is."""
    path, action, step = sys.argv[1:]

    def killer(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    observe(killer)
    act(opened(Path(path)), action)
    sys.exit(3)


if __name__ == "__main__":
    main()

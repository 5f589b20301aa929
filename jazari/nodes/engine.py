"""``python -m jazari.nodes.engine HOME``: become the engine process of this node."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from jazari.core.errors import JazariError
from jazari.nodes.supervision import MARK
from jazari.settings.home import Home


def main(arguments: Sequence[str]) -> int:
    """Replace this process by the engine; returns (with an exit code) only if there is none."""
    from jazari.studies.flare.processes import server_command, site_command

    try:
        home = Home.open(arguments[0])
        command = (server_command if home.is_root else site_command)(home.path)
    except JazariError as error:
        print(str(error), file=sys.stderr, flush=True)
        return int(error.exit_code)
    environment = {**command.env, MARK: str(home.path)}
    return os.execve(command.argv[0], list(command.argv), environment)  # noqa: S606  our own argument list


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

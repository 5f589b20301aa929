"""Engine processes for which 8 KiB are large, and that write down each part as it comes in.

``python -m jazari.studies.flare.tests.small_parts ROLE ENGINE``: the ordinary processes, but messages travel in
parts of 8 KiB, and ``ENGINE/parts.log`` gets a line "DIGEST INDEX" for each part that arrived.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from jazari.studies.flare import process, processes, wire

SMALL = 8 * 1024
LOG = "parts.log"


def _log_parts(engine: Path) -> None:
    from jazari.studies.flare.inbox import Inbox

    add = Inbox.add

    def logged(self: Any, part: wire.Part) -> int:
        with (engine / LOG).open("a") as log:
            log.write(f"{part.digest.hex()} {part.index}\n")
        return add(self, part)

    Inbox.add = logged  # type: ignore[method-assign]


if __name__ == "__main__":
    processes.MODULE = "jazari.studies.flare.tests.small_parts"
    wire.PART_BYTES = SMALL
    _log_parts(Path(sys.argv[2]))
    os._exit(process.main(sys.argv[1:]))

"""An institute's engine client that writes down every byte it sends, before TLS hides it.

``python -m jazari.studies.flare.tests.recording_site site ENGINE``: the ordinary process, with a recorder at the
one place where frames leave. Frames to its own job processes go to ``inside.frames``, all others to
``outside.frames``: 8 bytes of length, then the frame.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

from jazari.studies.flare import kit, process


def _record(engine: Path) -> None:
    from jazari.studies.flare import transport

    own, lock = kit.own_pin(engine), threading.Lock()
    send = transport.PinnedConnection.send_frame

    def recorded(self: Any, frame: Any) -> None:
        name = "inside.frames" if self._pin == own else "outside.frames"
        with lock, (engine / name).open("ab") as file:
            file.write(len(frame).to_bytes(8, "big") + bytes(frame))
        send(self, frame)

    transport.PinnedConnection.send_frame = recorded  # type: ignore[method-assign]


if __name__ == "__main__":
    _record(Path(sys.argv[2]))
    os._exit(process.main(sys.argv[1:]))

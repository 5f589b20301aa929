"""A TCP relay in front of the Root that counts what each side sends: what is really on the wire."""

from __future__ import annotations

import socket
import threading


class CountingProxy:
    """Relays connections on ``port`` to ``target`` on loopback; ``sent`` counts bytes towards it."""

    def __init__(self, target: int) -> None:
        self._target, self.sent, self.received = target, 0, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target), 5)
                far.settimeout(None)
            except ConnectionError:
                near.close()
                continue
            except OSError:
                return
            threading.Thread(target=self._relay, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._relay, args=(far, near, False), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, outwards: bool) -> None:
        try:
            while data := source.recv(65_536):
                with self._lock:
                    self.sent += len(data) if outwards else 0
                    self.received += 0 if outwards else len(data)
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                end.close()

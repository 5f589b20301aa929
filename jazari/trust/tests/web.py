"""A real HTTP server over a folder, with Range, and with the faults that networks have."""

from __future__ import annotations

import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class WebFolder:
    """Serves ``folder``. ``requests`` lists (path, Range header, bytes sent).

    ``cut_after``: close the connection after that many body bytes of one response, then stop doing so.
    ``ranges``: whether Range is honoured. ``replaced``: other content for a path. ``down``: answer 503.
    """

    def __init__(self, folder: Path, tls: ssl.SSLContext | None = None) -> None:
        self.folder = folder
        self.requests: list[tuple[str, str, int]] = []
        self.cut_after: dict[str, int] = {}
        self.ranges = True
        self.down = False
        self.replaced: dict[str, bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def bytes_of(self, part: str) -> int:
        """Body bytes sent for paths that contain ``part``."""
        return sum(sent for path, _, sent in self.requests if part in path)

    def body(self, path: str) -> bytes | None:
        """What lies under ``path``, or None."""
        if path in self.replaced:
            return self.replaced[path]
        file = self.folder / path
        return file.read_bytes() if file.is_file() else None

    def _handler(web: WebFolder) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

            def do_GET(self) -> None:
                path = self.path.lstrip("/")
                body = web.body(path)
                if web.down or body is None:
                    self._answer(503 if web.down else 404, b"")
                    return
                wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                if wanted is None or not web.ranges:
                    self._answer(200, body)
                    return
                start, stop = int(wanted[1]), int(wanted[2] or len(body) - 1) + 1
                if start >= len(body):
                    self._answer(416, b"")
                    return
                part = body[start:stop]
                self._answer(206, part, f"bytes {start}-{start + len(part) - 1}/{len(body)}")

            def _answer(self, status: int, body: bytes, content_range: str = "") -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if content_range:
                    self.send_header("Content-Range", content_range)
                self.end_headers()
                path = self.path.lstrip("/")
                cut = web.cut_after.pop(path, None) if status < 300 else None
                sent = body if cut is None else body[:cut]
                # Noted first: once it has the last byte, the client may ask again, of another thread.
                web.requests.append((path, self.headers.get("Range", ""), len(sent)))
                self.wfile.write(sent)
                if cut is not None:
                    self.close_connection = True

        return Handler

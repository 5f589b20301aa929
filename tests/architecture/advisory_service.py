"""A stand-in of OSV's API on this machine, for pip-audit to ask (`--osv-url`): no test asks an organisation outside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Advisories = Mapping[tuple[str, str], list[dict[str, Any]]]
"""What is known, by package and version."""


def advisory(package: str, name: str, *aliases: str, fixed_in: str | None = None) -> dict[str, Any]:
    """An advisory in OSV's format (schema 1), with the fields that real ones have."""
    events = [{"introduced": "0"}, *([{"fixed": fixed_in}] if fixed_in else [])]
    return {
        "id": name, "aliases": list(aliases), "schema_version": "1.7.3", "summary": f"Something about {package}",
        "modified": "2026-01-02T00:00:00Z", "published": "2026-01-01T00:00:00Z",
        "affected": [{
            "package": {"name": package, "ecosystem": "PyPI", "purl": f"pkg:pypi/{package}"},
            "ranges": [{"type": "ECOSYSTEM", "events": events}],
        }],
    }  # fmt: skip


KNOWN_FOR_YEARS: Advisories = {
    ("flask", "0.5"): [
        advisory("flask", "PYSEC-2019-179", "CVE-2019-1010083", "GHSA-5wv5-4vpf-pj6m", fixed_in="1.0"),
        advisory("flask", "PYSEC-2018-66", "CVE-2018-1000656", "GHSA-562c-5r94-xh97", fixed_in="0.12.3"),
    ]
}
"""As every real service."""


@contextmanager
def advisory_service(known: Advisories, status: int = 200) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The address of a service that knows this much, and what it was asked."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            version = (query["package"]["name"], query["version"])
            asked.append(version)
            found = known.get(version)
            body = json.dumps({"vulns": found} if found else {}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name of the overridden method
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

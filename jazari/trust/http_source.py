"""A repository behind a URL, and TLS to one pinned certificate."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpx

from jazari.trust.errors import SourceUnavailable
from jazari.trust.sources import Source, SourceMissing


class HttpSource(Source):
    """A repository behind ``base_url``. ``tls_certificate_pem`` pins the server by its certificate."""

    def __init__(self, base_url: str, tls_certificate_pem: str | None = None, timeout_seconds: float = 30.0) -> None:
        super().__init__()
        self._base = base_url if not base_url or base_url.endswith("/") else base_url + "/"
        self._client = httpx.Client(
            verify=pinned_tls(tls_certificate_pem) if tls_certificate_pem else True,
            timeout=httpx.Timeout(timeout_seconds, connect=min(10.0, timeout_seconds)),
            headers={"Accept-Encoding": "identity"},
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _open(self, path: str, start: int) -> Iterator[bytes]:
        return self._range(path, start, None)

    def _range(self, path: str, start: int, length: int | None) -> Iterator[bytes]:
        url = self._base + path
        end = "" if length is None else str(start + length - 1)
        headers = {"Range": f"bytes={start}-{end}"} if start or length is not None else {}
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                yield from _body(response, url, start)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise SourceUnavailable(
                f"{url} cannot be read ({_reason(error)}): check the connection and try again."
            ) from error


def _body(response: httpx.Response, url: str, start: int) -> Iterator[bytes]:
    if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        return
    if response.status_code >= 500:
        raise SourceUnavailable(f"{url} answers with error {response.status_code}: try again later.")
    if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
        sentence = f"{url} does not exist there (HTTP {response.status_code}): check the address."
        raise SourceMissing(sentence, response.status_code)
    skip = start
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise SourceUnavailable(f"{url} sent another part than was asked for: try again later.")
        skip = 0
    for chunk in response.iter_raw():
        if skip < len(chunk):
            yield chunk[skip:]
        skip = max(0, skip - len(chunk))


def pinned_tls(certificate_pem: str) -> ssl.SSLContext:
    """A TLS context that accepts the holder of ``certificate_pem`` and nobody else.

    The certificate is the identity, so the host name is not compared: nodes move and are reached by address.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=certificate_pem)
    except (ssl.SSLError, ValueError) as error:
        raise SourceUnavailable(
            "The Root's web certificate in network.json is not PEM: ask for a new network.json."
        ) from error
    return context


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:160].rstrip(".")

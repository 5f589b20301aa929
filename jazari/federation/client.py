"""The Root as a node sees it: HTTPS to the one pinned certificate, signed requests, plain errors."""

from __future__ import annotations

import contextlib
import hashlib
import json
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from jazari.core.errors import JazariError, known_errors
from jazari.federation.errors import RootRefused, RootUnreachable
from jazari.federation.rules import DRAIN_BYTES, LONG_POLL_SECONDS
from jazari.federation.signed_requests import sign_request
from jazari.settings.network import NetworkFile
from jazari.trust.http_source import pinned_tls
from jazari.trust.keys import Signer
from jazari.trust.publication import MEDIA_TYPE, Publication, Receipt

_LARGEST_ANSWER = 16 * 1024 * 1024
QUICK = httpx.Timeout(20.0, connect=10.0)
WAITING = httpx.Timeout(LONG_POLL_SECONDS + 15.0, connect=10.0)
UPLOAD = httpx.Timeout(60.0, connect=10.0, read=600.0)


class RootClient:
    """Calls to the Root of ``network``; ``signer`` and ``namespace`` are needed for signed ones only.

    Every method raises ``RootUnreachable``, or the error that the Root answered with. One client may be used
    by several threads. ``check`` is called before a call and before its answer counts, and may raise.
    """

    def __init__(
        self,
        network: NetworkFile,
        namespace: str = "",
        signer: Signer | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.network = network
        self.namespace = namespace
        self._signer = signer
        self._check = check
        self._http = httpx.Client(
            base_url=network.root_url,
            verify=pinned_tls(network.tls_certificate_pem),
            timeout=QUICK,
            follow_redirects=False,
            # An address in the environment must not decide whom we talk to.
            trust_env=False,
        )

    def __enter__(self) -> RootClient:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def enrol(self, document: bytes) -> dict[str, Any]:
        """Send a signed enrolment request; its state at the Root."""
        return self._call("POST", "/exchange/enrolments", content=document)

    def enrolment(self, digest: str) -> dict[str, Any]:
        """The state of an enrolment request at the Root."""
        return self._call("GET", f"/exchange/enrolments/{digest}")

    def status(self) -> dict[str, Any]:
        """The network and its institutes, online or offline."""
        return self._call("GET", "/exchange/status")

    def wait_for_change(self, after: int) -> int:
        """The network's version once it is not ``after``, or after 25 s. Counts as our heartbeat."""
        headers = self._signed("notices")
        answer = self._call("GET", f"/exchange/notices?after={after}", headers=headers, timeout=WAITING)
        return int(answer["version"])

    def ask(self, path: str, purpose: str) -> dict[str, Any]:
        """A signed question to another slice's part of the exchange, e.g. ``/exchange/runs/...``."""
        return self._call("GET", path, headers=self._signed(purpose))

    def publish(self, publication: Publication) -> Receipt:
        """Upload ``publication``; the Root's receipt.

        A long one is preceded by a short question, since a Root that refuses does not listen to the end.
        """
        digest, size = hashlib.sha256(), 0
        for chunk in publication.chunks():
            digest.update(chunk)
            size += len(chunk)
        if size > DRAIN_BYTES:
            self.wait_for_change(-1)
        headers = self._signed("publication", digest.hexdigest(), size)
        headers |= {"content-length": str(size), "content-type": MEDIA_TYPE}
        body = publication.chunks()
        return Receipt.from_json(
            self._call("POST", "/exchange/publications", headers=headers, content=body, timeout=UPLOAD)
        )

    def _signed(self, purpose: str, digest: str = "", size: int = 0) -> dict[str, str]:
        if self._signer is None:
            raise RootRefused("This request needs the publishing key of an admitted institute: give its home.")
        value = sign_request(
            self._signer, self.namespace, self.network.name, purpose, body_sha256=digest, body_size=size
        )
        return {"authorization": value}

    def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        self._check()
        with self._plain_errors(), self._http.stream(method, path, **options) as response:
            data = bytearray()
            for piece in response.iter_bytes():
                data += piece
                if len(data) > _LARGEST_ANSWER:
                    raise RootRefused("The Root's answer is far too long: ask its team what is wrong.")
        self._check()
        if response.status_code >= 400:
            raise error_from(response.status_code, bytes(data))
        return _document(bytes(data))

    @contextlib.contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except httpx.TransportError as error:
            raise RootUnreachable(self._why(error)) from error

    def _why(self, error: httpx.TransportError) -> str:
        url = self.network.root_url
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return (
                    f"{url} does not show the certificate that network.json pins ({cause.verify_message}): "
                    "check this machine's clock, or ask the Root for its present network.json."
                )
            cause = cause.__cause__ or cause.__context__
        reason = str(error) or type(error).__name__
        return f"The Root at {url} cannot be reached ({reason}): check the line and try again; nothing is lost."


def error_from(status: int, data: bytes) -> JazariError:
    """The error that the Root answered with: of the same class as at the Root where we know it."""
    try:
        found = json.loads(data)["error"]
        code = str(found["code"])
        message = "".join(letter for letter in str(found["message"])[:1000] if letter.isprintable())
    except (ValueError, KeyError, TypeError, RecursionError):
        return RootRefused(f"The Root answered with status {status}: ask its team what is wrong.", "", status)
    kind = known_errors().get(code)
    if kind is None or kind.__init__ is not JazariError.__init__:
        return RootRefused(message, code, status)
    return kind(message)


def _document(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise RootRefused("The Root's answer makes no sense: check the address in network.json.")
    return answer

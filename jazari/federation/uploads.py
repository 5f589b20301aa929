"""Receiving publications: authenticated before a byte is read, taken apart while they arrive, then accepted."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
import shutil
import time
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request

from jazari.core.errors import DiskFull, JazariError
from jazari.core.files import plain_os_errors
from jazari.federation.blocking import QUICK, SLOW, run
from jazari.federation.errors import BadRequest, FederationError, TooLarge, TooSlow, UploadBusy
from jazari.federation.http import Message, Receive, Scope, Send, content_length, send_error
from jazari.federation.rules import DRAIN_BYTES
from jazari.federation.service import RootService
from jazari.federation.signed_requests import Claim
from jazari.trust.publication import Publication, PublicationReceiver

LARGEST = 9 * 1024**3
"""Bytes of one publication with its files; ``trust.publication.Limits`` bounds each part."""
IDLE_SECONDS = 30.0
GRACE_SECONDS = 60.0
SLOWEST_RATE = 1024
"""Bytes per second, on average after the grace period: a poor line, but not one a minute."""
MOST_AT_ONCE = 16
"""Uploads at the same time: each may hold its part of the log in memory."""
SPARE_BYTES = 200 * 1024**2
"""Disk space that an upload must leave free."""
DRAIN_SECONDS = 2.0
_WRITE = 1024 * 1024


class Failure(FederationError):
    """The Root made a mistake; its log has the details."""

    code = "federation.upload-failed"


class Uploads:
    """The ASGI application behind ``POST /exchange/publications``."""

    def __init__(self, service: RootService) -> None:
        self._service = service
        self._busy: set[str] = set()
        shutil.rmtree(service.uploads, ignore_errors=True)  # what a crash left behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive)
        request = Request(scope, body.receive)
        try:
            receipt = await self._receive(request)
        except ClientDisconnect:
            return
        except JazariError as error:
            await body.drain()
            await send_error(send, error)
        except Exception as error:  # noqa: BLE001,RUF100  the institute gets a code, our log the details
            traceback.print_exception(error)
            await send_error(send, Failure("The Root failed to take the publication: try again later."))
        else:
            await _send_json(send, receipt)

    async def _receive(self, request: Request) -> dict[str, Any]:
        if request.method != "POST":
            raise BadRequest("Publications are sent with POST.")
        header = request.headers.get("authorization", "")
        claim = await run(QUICK, self._service.authenticate, header, "publication")
        check_size(claim, content_length(request.scope), self._service.uploads)
        async with self._one_at_a_time(claim.namespace), _temporary(self._service.uploads) as folder:
            publication = await self._receive_body(request, claim, PublicationReceiver(folder))
            receipt = await run(SLOW, self._service.accept_publication, claim, publication)
            return receipt.to_json()

    @contextlib.asynccontextmanager
    async def _one_at_a_time(self, namespace: str) -> AsyncIterator[None]:
        if namespace in self._busy:
            raise UploadBusy(f"{namespace} is sending another publication already: try again when it is done.")
        if len(self._busy) >= MOST_AT_ONCE:
            raise UploadBusy("The Root is receiving many publications: try again in a minute.")
        self._busy.add(namespace)
        try:
            yield
        finally:
            self._busy.discard(namespace)

    async def _receive_body(self, request: Request, claim: Claim, receiver: PublicationReceiver) -> Publication:
        """Take the body apart as it comes; it must be exactly what the claim says, and keep coming."""
        deadline = time.monotonic() + GRACE_SECONDS + claim.body_size / SLOWEST_RATE
        digest, size, pending = hashlib.sha256(), 0, bytearray()
        stream = request.stream()
        while (chunk := await self._next(stream, deadline)) is not None:
            size += len(chunk)
            if size > claim.body_size:
                raise BadRequest("The body is longer than the signed request says: send it again.")
            digest.update(chunk)
            pending += chunk
            if len(pending) >= _WRITE:
                await asyncio.to_thread(receiver.write, bytes(pending))
                pending.clear()
        if size != claim.body_size or digest.hexdigest() != claim.body_sha256:
            raise BadRequest("The body is not the one that was signed: send it again.")
        await asyncio.to_thread(receiver.write, bytes(pending))
        return receiver.finish()

    async def _next(self, stream: AsyncIterator[bytes], deadline: float) -> bytes | None:
        left = min(IDLE_SECONDS, deadline - time.monotonic())
        try:
            return await asyncio.wait_for(anext(stream), left)
        except StopAsyncIteration:
            return None
        except TimeoutError as error:
            raise TooSlow("The publication arrived too slowly: check the line and send it again.") from error


def check_size(claim: Claim, announced: int, folder: Path) -> None:
    """Raise ``BadRequest``, ``TooLarge`` or ``DiskFull`` before anything of a body is read."""
    if announced and announced != claim.body_size:
        raise BadRequest("Content-Length differs from the signed size: send the request again.")
    if claim.body_size > LARGEST:
        raise TooLarge(f"A publication has at most {LARGEST:,} bytes: publish the files in several records.")
    with plain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = shutil.disk_usage(folder).free
    # Twice: the body as received, and its files in the repository.
    if free < 2 * claim.body_size + SPARE_BYTES:
        raise DiskFull("The Root's disk is too full for this publication: ask the Root to free space.")


@contextlib.asynccontextmanager
async def _temporary(folder: Path) -> AsyncIterator[Path]:
    path = folder / secrets.token_hex(16)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class _Body:
    """The body of one request: knows whether it came to its end."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False

    async def receive(self) -> Message:
        """The next message of the server."""
        message = await self._receive()
        self._ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Take a little more of a refused body, so that a client in mid-sending reads the answer, not a reset."""
        left = DRAIN_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while left > 0 and not self._ended:
                    left -= len((await self.receive()).get("body", b""))


async def _send_json(send: Send, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

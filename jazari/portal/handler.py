"""Django as ASGI with one change of threads for a page, where its own handler makes one for each middleware."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponseBase


class PageHandler(ASGIHandler):
    """Runs middleware and view together in one thread; what streams is still sent by the event loop."""

    def load_middleware(self, is_async: bool = False) -> None:
        """As for WSGI, whatever is asked."""
        del is_async
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """The page, from the one thread of this request."""
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)

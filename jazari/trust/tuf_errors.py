"""python-tuf's errors as ours, each a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuf.api import exceptions

from jazari.core.files import plain_os_errors
from jazari.trust.errors import BadDownload, Expired, RollbackSeen, SourceUnavailable, Untrusted


@contextmanager
def as_trust_errors() -> Iterator[None]:
    """Raise python-tuf's errors inside the block as members of ``TrustError``."""
    try:
        yield
    except exceptions.ExpiredMetadataError as error:
        raise Expired(
            f"What proves that this is current has expired ({error}): known records remain readable; check "
            "this machine's clock, else ask the Root or the institute to sign again."
        ) from error
    except exceptions.BadVersionNumberError as error:
        raise RollbackSeen(
            f"The source offers an older state than the one known here ({error}): nothing was taken over; "
            "tell the Root's team."
        ) from error
    except exceptions.LengthOrHashMismatchError as error:
        raise BadDownload(f"The source mixes files that do not belong together ({error}): try again.") from error
    except exceptions.DownloadError as error:
        raise SourceUnavailable(_sentence(error)) from error
    except exceptions.RepositoryError as error:
        raise Untrusted(f"The source's metadata does not verify ({error}): nothing was taken over.") from error
    except OSError as error:
        with plain_os_errors(Path(str(error.filename or "The mirror"))):
            raise


def _sentence(error: Exception) -> str:
    text = str(error)
    return text if text.endswith(".") else f"The source cannot be read ({text}): try again later."

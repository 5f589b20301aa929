"""Other processes that write to the same trail, for the tests of concurrency."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any


def start_writer(database: Any, name: str, count: int, event_id: str = "") -> subprocess.Popen[bytes]:
    """A process that appends ``count`` events as ``name``; with ``event_id`` all under ids that repeat."""
    code = (
        "import django, sys; django.setup()\n"
        "from jazari.core.audit import AuditEvent\n"
        "from jazari.core.events import emit\n"
        "name, count, event_id = sys.argv[1], int(sys.argv[2]), sys.argv[3]\n"
        "for i in range(count):\n"
        "    emit(AuditEvent('test.written', name, str(i), {'i': i}, id=event_id and f'{event_id}-{i}'))\n"
    )
    environment = os.environ | {
        "DATABASE_URL": database.url,
        "DJANGO_SETTINGS_MODULE": "jazari.settings.test",
    }
    return subprocess.Popen([sys.executable, "-c", code, name, str(count), event_id], env=environment)

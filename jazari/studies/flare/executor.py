"""The institute's side of a job: hands requests to the ``Participant`` and its answers back, in parts if large."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from nvflare.apis.executor import Executor
from nvflare.apis.fl_constant import FLContextKey, ReturnCode
from nvflare.apis.shareable import Shareable, make_reply

from jazari.studies.flare import jobs
from jazari.studies.flare.exchange import SiteExchange
from jazari.studies.participant import Participant


class ParticipantExecutor(Executor):
    """Answers the one task of our job. Whatever goes wrong leaves as a code, never as text."""

    def __init__(self) -> None:
        super().__init__()
        self._exchange: SiteExchange | None = None

    def execute(self, task_name: str, shareable: Any, fl_ctx: Any, abort_signal: Any) -> Any:
        """The answer to one request or piece of one: bytes that ``exchange`` reads at both ends."""
        if task_name != jobs.TASK:
            return make_reply(ReturnCode.TASK_UNKNOWN)
        request, run = shareable.get(jobs.REQUEST), jobs.run_of(fl_ctx.get_prop(FLContextKey.JOB_META))
        if not isinstance(request, bytes | bytearray) or not run or abort_signal.triggered:
            return make_reply(ReturnCode.BAD_TASK_DATA)
        result = Shareable()
        result[jobs.ANSWER] = self._here(run, fl_ctx).answer(bytes(request))
        return result

    def _here(self, run: str, fl_ctx: Any) -> SiteExchange:
        """A job is about one run for as long as its process lives."""
        if self._exchange is None:
            engine = Path(fl_ctx.get_prop(FLContextKey.WORKSPACE_OBJECT).get_root_dir()).parent
            participant = Participant(engine, fl_ctx.get_identity_name())
            self._exchange = SiteExchange(
                engine, run, partial(participant.check, run), partial(participant.respond, run)
            )
        return self._exchange

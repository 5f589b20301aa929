"""The institute's gate inside its FLARE client: what may come in, and the little that may go out.

FLARE's own check (``AUTHORIZE_COMMAND_CHECK``) is skipped when the sender leaves the command's name out, and
lets a command pass when a handler fails. So the gate does not rely on it: at start-up it takes every
command away except the six that a job needs, wraps those in its own checks, and puts an allow-list on the
cell's messages (``firewall``). Default deny; every exception denies; only codes leave.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nvflare.apis.event_type import EventType
from nvflare.apis.filter import Filter
from nvflare.apis.fl_component import FLComponent
from nvflare.apis.fl_constant import FLContextKey, ReturnCode
from nvflare.apis.fl_exception import UnsafeComponentError
from nvflare.apis.shareable import Shareable, make_reply
from nvflare.private.admin_defs import Message, MsgHeader, error_reply
from nvflare.private.admin_defs import ReturnCode as AdminCode
from nvflare.private.defs import RequestHeader
from nvflare.private.fed.client.admin import RequestProcessor
from nvflare.private.fed.client.client_req_processors import ClientRequestProcessors
from nvflare.private.fed.client.scheduler_cmds import (
    CancelResourceProcessor,
    CheckResourceProcessor,
    StartJobProcessor,
)
from nvflare.private.fed.client.training_cmds import AbortAppProcessor, DeployProcessor, NotifyJobStatusProcessor
from nvflare.private.scheduler_constants import ShareableHeader

from jazari.core.errors import JazariError
from jazari.studies.errors import BadMessage, NoPermit
from jazari.studies.flare import firewall, jobs, kit
from jazari.studies.flare.exchange import StoredAnswers, may_leave
from jazari.studies.flare.refusals import Refusals
from jazari.studies.flare.watch import Watch, tidy
from jazari.studies.participant import Participant

OPEN = (AbortAppProcessor, CancelResourceProcessor, NotifyJobStatusProcessor)
GUARDED = (CheckResourceProcessor, DeployProcessor, StartJobProcessor)
UNKNOWN = "studies.internal"


class Gate(FLComponent):
    """Installs itself before the client registers; without it the client does not start."""

    def __init__(self) -> None:
        super().__init__()
        self._guard: Guard | None = None
        self._engine = Path()
        self._cell: Any = None

    def handle_event(self, event_type: str, fl_ctx: Any) -> None:
        """Close everything at start-up; refuse commands that FLARE asks about."""
        if event_type == EventType.SYSTEM_BOOTSTRAP:
            self._close(fl_ctx)
        elif event_type == EventType.AUTHORIZE_COMMAND_CHECK:
            self._answer_flare(fl_ctx)
        elif event_type == EventType.SYSTEM_START:
            agents = self._cell.agents
            Watch(self._engine, fl_ctx.get_engine(), lambda: jobs.SERVER in agents).start()
        elif event_type == EventType.JOB_COMPLETED:
            tidy(self._engine)

    def _close(self, fl_ctx: Any) -> None:
        try:
            client = fl_ctx.get_prop(FLContextKey.SITE_OBJ)
            self._cell = getattr(client.cell, "core_cell", client.cell)
            self._engine = Path(fl_ctx.get_prop(FLContextKey.WORKSPACE_OBJECT).get_root_dir()).parent
            self._guard = Guard(self._engine, kit.site_name(self._engine))
            firewall.install(self._cell, self._guard.namespace, self._guard.refusals.tell)
            kept = [found for found in ClientRequestProcessors.request_processors if type(found) in (*OPEN, *GUARDED)]
            # In place: FLARE's deployer holds this very list.
            ClientRequestProcessors.request_processors[:] = [_Guarded(found, self._guard) for found in kept]
        except Exception as error:
            # The only exception that FLARE's start-up does not swallow.
            raise UnsafeComponentError("the institute's gate could not be closed") from error

    def _answer_flare(self, fl_ctx: Any) -> None:
        try:
            items = fl_ctx.get_prop(FLContextKey.SECURITY_ITEMS)
            code = self._guard.refusal(items[FLContextKey.JOB_META]) if self._guard else UNKNOWN
        except Exception:
            code = UNKNOWN
        if code:
            fl_ctx.set_prop(FLContextKey.AUTHORIZATION_RESULT, False, sticky=False)
            fl_ctx.set_prop(FLContextKey.AUTHORIZATION_REASON, code, sticky=False)


class Guard:
    """Decides on jobs for one institute, by its own permits."""

    def __init__(self, engine: Path, namespace: str) -> None:
        self.namespace, self.refusals = namespace, Refusals(engine, namespace)
        self._participant = Participant(engine, namespace)

    def refusal(self, meta: Any, app: Any = None) -> str:
        """Empty if this job (and ``app``, where given) may run here now, else the code of why not.

        Never raises; whatever is refused is in the audit trail.
        """
        code, message = self._why_not(meta, app)
        if code:
            self.refusals.tell("studies.job-refused", jobs.run_of(meta)[:100], code, message)
        return code

    def _why_not(self, meta: Any, app: Any) -> tuple[str, str]:
        try:
            if app is not None and not jobs.is_our_app(app):
                raise BadMessage("This is not the network's app.")
            if not jobs.is_our_description(meta, self.namespace):
                raise BadMessage("This is not the network's job.")
            run = jobs.run_of(meta)
            if not run:
                raise NoPermit("This job names no run.")
            self._participant.check(run)
        except JazariError as error:
            return error.code, str(error)
        except Exception:
            return UNKNOWN, ""
        return "", ""


class _Guarded(RequestProcessor):
    """One of FLARE's commands behind the guard; its replies leave without any text of ours or FLARE's."""

    def __init__(self, inner: RequestProcessor, guard: Guard) -> None:
        self._inner, self._guard = inner, guard

    def get_topics(self) -> list[str]:
        """The topics of the command behind this one."""
        return list(self._inner.get_topics())

    def process(self, req: Any, app_ctx: Any) -> Any:
        """Run the command if the guard lets it; otherwise answer with a code."""
        try:
            code = self._refusal(req)
            return self._refused(req, code) if code else _without_text(self._inner.process(req, app_ctx))
        except Exception:
            return error_reply(UNKNOWN)

    def _refusal(self, req: Any) -> str:
        if isinstance(self._inner, OPEN):
            return ""
        app = (req.body or b"") if isinstance(self._inner, DeployProcessor) else None
        return self._guard.refusal(req.get_header(RequestHeader.JOB_META), app)

    def _refused(self, req: Any, code: str) -> Any:
        if not isinstance(self._inner, CheckResourceProcessor):
            return error_reply(code)
        # The scheduler expects this form, and keeps the token as the reason.
        result = Shareable()
        result.set_header(ShareableHeader.IS_RESOURCE_ENOUGH, False)
        result.set_header(ShareableHeader.RESOURCE_RESERVE_TOKEN, code)
        return Message(topic="reply_" + req.topic, body=result)


def _without_text(reply: Any) -> Any:
    if isinstance(reply, Message) and isinstance(reply.body, str):
        failed = reply.get_header(MsgHeader.RETURN_CODE, AdminCode.OK) != AdminCode.OK or "ERROR" in reply.body
        reply.body = UNKNOWN if failed else "OK"
    return reply


class OnlyTheAnswer(Filter):
    """The site's own last filter on results, in the job's process: one message of ours leaves, or nothing.

    A piece of a message leaves only if the whole is an answer that this institute stored for the run.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stored: StoredAnswers | None = None

    def process(self, shareable: Any, fl_ctx: Any) -> Any:
        """A fresh result that holds the answer alone."""
        answer, run = shareable.get(jobs.ANSWER), jobs.run_of(fl_ctx.get_prop(FLContextKey.JOB_META))
        try:
            if not may_leave(answer, run, self._answers(run, fl_ctx)):
                raise BadMessage("This message is not one that may leave.")
        except Exception:
            return make_reply(ReturnCode.EXECUTION_RESULT_ERROR)
        result = Shareable()
        result[jobs.ANSWER] = answer
        return result

    def _answers(self, run: str, fl_ctx: Any) -> StoredAnswers:
        """A job's process is about one run for as long as it lives."""
        if self._stored is None:
            engine = Path(fl_ctx.get_prop(FLContextKey.WORKSPACE_OBJECT).get_root_dir()).parent
            self._stored = StoredAnswers(engine, run)
        return self._stored

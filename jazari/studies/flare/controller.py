"""The Root's side of a job: carries the ``Coordinator``'s requests to the sites and their answers back.

It asks those of the pending institutes that the job was deployed to. Whoever is missing does not hold them up: the
keeper sends another job when the missing ones are back and nobody else is at work.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from nvflare.apis.fl_constant import FLContextKey, ReturnCode
from nvflare.apis.impl.controller import Controller
from nvflare.apis.impl.task_controller import Task
from nvflare.apis.shareable import Shareable

from jazari.core.errors import JazariError
from jazari.studies.coordinator import Coordinator
from jazari.studies.flare import jobs
from jazari.studies.flare.exchange import RootExchange
from jazari.studies.flare.inbox import Inbox
from jazari.studies.flare.live import Live, write_live
from jazari.studies.run_messages import NOT_ALLOWED

CONFIRMATION_SECONDS = 30.0
_CHECK_SECONDS = 0.5


def _poll_seconds(waited: float) -> float:
    """How long sites wait between two questions for work: often at first, so that quick rounds stay quick.

    A site that has answered asks on while another one computes; asking 20 times a second for minutes would
    take a fifth of a core.
    """
    return jobs.POLL_SECONDS if waited < 2 else 0.25 if waited < 30 else 1.0


class RoundController(Controller):
    """Asks whoever the coordinator waits for, until it waits for nobody. Keeps no state of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._engine_folder = Path()
        self._opened: Coordinator | None = None
        self._run = ""
        self._live = Live()
        self._changed = threading.Condition()
        self._deployed: frozenset[str] = frozenset()
        self._exchanges: dict[str, RootExchange] = {}
        self._pieces: list[tuple[str, bytes]] = []
        self._answered: set[str] = set()
        self._broken = ""

    def start_controller(self, fl_ctx: Any) -> None:
        """Open the run that the job names; a job that names none ends here."""
        meta = fl_ctx.get_prop(FLContextKey.JOB_META)
        run, self._deployed = jobs.run_of(meta), jobs.sites_of(meta)
        self._engine_folder = Path(fl_ctx.get_prop(FLContextKey.WORKSPACE_OBJECT).get_root_dir()).parent
        self._live = Live(job=str(fl_ctx.get_job_id()))
        self._opened, self._run = Coordinator.open(self._engine_folder / "runs", run), run

    @property
    def _coordinator(self) -> Coordinator:
        if self._opened is None:
            raise RuntimeError("control_flow before start_controller")
        return self._opened

    def stop_controller(self, fl_ctx: Any) -> None:
        """Nothing to undo: all state is in the coordinator's folder."""

    def process_result_of_unknown_task(self, *_: Any, **__: Any) -> None:
        """A late answer to a round that is over: the coordinator has it already, or goes on without it."""

    def control_flow(self, abort_signal: Any, fl_ctx: Any) -> None:
        """Rounds until the run ends; then confirmations for a while, which the result does not wait for."""
        coordinator, confirm_until = self._coordinator, 0.0
        while not abort_signal.triggered and not self._broken:
            pending, status = coordinator.pending(), coordinator.status()
            if status.state in ("failed", "cancelled") or not pending:
                return
            if status.state == "finished":
                confirm_until = confirm_until or time.monotonic() + CONFIRMATION_SECONDS
                if time.monotonic() > confirm_until:
                    return
            here = tuple(name for name in pending if name in self._deployed)
            self._ask(coordinator, here, abort_signal, fl_ctx, confirm_until)
        if self._broken:
            self.system_panic(self._broken, fl_ctx)

    def _ask(self, coordinator: Coordinator, names: tuple[str, ...], abort: Any, fl_ctx: Any, until: float) -> None:
        step = coordinator.step()
        self._answered, self._pieces, self._exchanges = set(), [], {}
        self._show(round=coordinator.status().round, asked=names, fetched=(), since=time.time())
        folder = self._engine_folder / "runs" / self._run / "parts"
        for name in names:
            self._exchanges[name] = RootExchange(Inbox(folder / name), coordinator.request(name))
        tasks = [self._send(exchange.first(), name, fl_ctx) for name, exchange in self._exchanges.items()]
        self._wait(names, step, coordinator, fl_ctx, abort, until, tasks)
        for task in tasks:
            self.cancel_task(task)

    def _send(self, request: bytes, name: str, fl_ctx: Any) -> Task:
        """A task for one site: what it is told may be for it alone."""
        data = Shareable()
        data[jobs.REQUEST] = request
        task = Task(jobs.TASK, data, before_task_sent_cb=self._fetched, result_received_cb=self._received)
        self.broadcast(task, fl_ctx, targets=[name], min_responses=1)
        return task

    def _wait(
        self, names: tuple[str, ...], step: tuple[int, str], coordinator: Coordinator, fl_ctx: Any, abort: Any,
        until: float, tasks: list[Task],
    ) -> None:  # fmt: skip
        """Until all have answered, and for as long as the step goes on without anybody to ask."""
        began, settings = time.monotonic(), fl_ctx.get_prop(FLContextKey.RUNNER).config
        while not (abort.triggered or self._broken):
            with self._changed:
                if names and set(names) <= self._answered and not self._pieces:
                    break
                settings.task_request_interval = _poll_seconds(time.monotonic() - began)
                if not self._pieces:
                    self._changed.wait(_CHECK_SECONDS)
                pieces, self._pieces = self._pieces, []
            if pieces:
                began = time.monotonic()
                until = max(until, began + CONFIRMATION_SECONDS) if until else until
                self._show(moved=time.time())
            tasks += [self._send(piece, name, fl_ctx) for name, piece in pieces]
            if until and time.monotonic() > until:
                break
            # The deadline may have closed the step without who is late, or ended the run.
            if not until and (coordinator.status().ended or coordinator.step() != step):
                break
        settings.task_request_interval = jobs.POLL_SECONDS

    def _fetched(self, client_task: Any, fl_ctx: Any) -> None:
        del fl_ctx
        name = str(client_task.client.name)
        if name not in self._live.fetched:
            self._show(fetched=(*self._live.fetched, name))

    def _received(self, client_task: Any, fl_ctx: Any) -> None:
        del fl_ctx
        name, result = str(client_task.client.name), client_task.result
        answer = result.get(jobs.ANSWER)
        client_task.result = None
        piece = b""
        if result.get_return_code() != ReturnCode.OK or not isinstance(answer, bytes | bytearray):
            self._broken = f"no answer from {name}"
        else:
            piece = self._take(name, bytes(answer))
        with self._changed:
            if piece:
                self._pieces.append((name, piece))
            else:
                self._answered.add(name)
            self._changed.notify_all()

    def _take(self, name: str, reply: bytes) -> bytes:
        """What to send to a site next; nothing once its answer is stored."""
        exchange = self._exchanges.get(name)
        if exchange is None:
            return b""
        try:
            piece, answer = exchange.take(reply)
            if answer:
                self._coordinator.receive(name, answer)
                exchange.finish()
        except JazariError as error:
            self._coordinator.fail(NOT_ALLOWED.format(institute=name, detail=error))
            return b""
        return piece

    def _show(self, **changes: Any) -> None:
        self._live = replace(self._live, **changes)
        write_live(self._engine_folder, self._run, self._live)

"""Starts one process per job and site: our entry point, a bare environment, tied to its parent's life."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from nvflare.apis.fl_constant import FLContextKey
from nvflare.app_common.job_launcher.process_launcher import ProcessHandle, ProcessJobLauncher
from nvflare.utils.job_launcher_utils import get_client_job_args, get_credential_env, get_server_job_args
from nvflare.utils.process_utils import spawn_process

from jazari.studies.flare import process, processes

_lifelines: list[int] = []


class _Launcher(ProcessJobLauncher):
    role = ""

    def launch_job(self, job_meta: dict[str, Any], fl_ctx: Any) -> ProcessHandle:
        """Start the process of one job; FLARE calls this at the server and at each chosen site."""
        del job_meta
        job_args = fl_ctx.get_prop(FLContextKey.JOB_PROCESS_ARGS) or {}
        engine = Path(fl_ctx.get_prop(FLContextKey.WORKSPACE_OBJECT).get_root_dir()).parent
        argv = [sys.executable, "-m", processes.MODULE, self.role, str(engine), *self._arguments(job_args)]
        reading = _lifeline()
        try:
            env = processes.plain_environment() | get_credential_env(job_args) | {process.LIFELINE: str(reading)}
            return ProcessHandle(process_adapter=spawn_process(argv, env))
        finally:
            os.close(reading)

    def get_command(self, job_meta: dict[str, Any], fl_ctx: Any) -> str:
        """Unused: ``launch_job`` builds an argument list, so that paths may hold spaces."""
        raise NotImplementedError

    def _arguments(self, job_args: dict[str, tuple[str, str]]) -> list[str]:
        raise NotImplementedError


class ServerLauncher(_Launcher):
    """Launcher of the Root's job processes."""

    role = "server-job"

    def _arguments(self, job_args: dict[str, tuple[str, str]]) -> list[str]:
        return _listed(job_args, get_server_job_args(include_exe_module=False))


class SiteLauncher(_Launcher):
    """Launcher of an institute's job processes."""

    role = "site-job"

    def _arguments(self, job_args: dict[str, tuple[str, str]]) -> list[str]:
        return _listed(job_args, get_client_job_args(include_exe_module=False))


def _listed(job_args: dict[str, tuple[str, str]], names: list[str]) -> list[str]:
    """FLARE's prepared (option, value) pairs as arguments; the workspace is the entry point's to give."""
    pairs = [job_args[name] for name in names if name in job_args]
    listed: list[str] = []
    for option, value in pairs:
        if option == "--set":
            listed += [option, *str(value).split()]
        elif option != "-m":
            listed += [option, str(value)]
    return listed


def _lifeline() -> int:
    """The reading end of a pipe whose writing end only this process holds, for as long as it lives."""
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    _lifelines.append(writing)
    return reading

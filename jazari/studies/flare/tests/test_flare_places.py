"""The places in FLARE 2.9.0 that FLARE does not promise to keep, and that we build on (ADR 4)."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import nvflare
import pytest
from nvflare.apis.client import Client
from nvflare.apis.event_type import EventType
from nvflare.apis.fl_constant import ConfigVarName
from nvflare.app_common.job_launcher.process_launcher import ProcessJobLauncher
from nvflare.fuel.f3 import communicator
from nvflare.fuel.f3.cellnet.connector_manager import ConnectorManager
from nvflare.fuel.f3.cellnet.core_cell import CoreCell
from nvflare.fuel.f3.comm_config import CommConfigurator
from nvflare.fuel.f3.drivers.socket_conn import ConnectionHandler, SocketConnection
from nvflare.fuel.f3.drivers.tcp_driver import TcpDriver, TcpStreamServer
from nvflare.fuel.f3.mpm import MainProcessMonitor
from nvflare.fuel.f3.sfm import conn_manager
from nvflare.fuel.f3.streaming.byte_receiver import MAX_PEER_DERIVED_OUT_SEQ_CHUNKS
from nvflare.private.fed.app.client import client_train, worker_process
from nvflare.private.fed.app.deployer.base_client_deployer import BaseClientDeployer
from nvflare.private.fed.app.server import runner_process, server_train
from nvflare.private.fed.app.utils import component_security_check, create_admin_server
from nvflare.private.fed.client.client_req_processors import ClientRequestProcessors
from nvflare.private.fed.client.client_runner import ClientRunner
from nvflare.private.fed.client.communicator import Communicator
from nvflare.private.fed.server.client_manager import ClientManager
from nvflare.private.fed.server.fed_server import FederatedServer
from nvflare.private.fed.server.job_runner import JobRunner
from nvflare.private.fed.server.server_engine import ServerEngine
from nvflare.private.fed.server.server_runner import ServerRunner

from jazari.studies.flare import gate, jobs, kit


def _parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def _source(thing: object) -> str:
    return inspect.getsource(thing)  # type: ignore[arg-type]


def test_the_version_is_the_one_that_was_read() -> None:
    assert nvflare.__version__ == "2.9.0"


def test_drivers_are_found_in_one_table_that_is_filled_once() -> None:
    assert isinstance(communicator.driver_mgr.drivers, dict)
    assert "if not driver_loaded:" in _source(communicator.Communicator.add_connector)
    assert "if not driver_loaded:" in _source(communicator.Communicator.start_listener)


def test_the_tcp_driver_has_the_steps_that_ours_replaces() -> None:
    assert _parameters(TcpDriver.connect) == ["self", "connector"]
    assert _parameters(TcpDriver.listen) == ["self", "connector"]
    assert _parameters(TcpStreamServer.__init__) == ["self", "driver", "connector"]
    assert _parameters(SocketConnection.__init__) == ["self", "sock", "connector", "secure"]
    assert _parameters(SocketConnection.send_frame) == ["self", "frame"]
    assert "process_frame(frame)" in _source(SocketConnection.read_frame_loop)
    assert "driver.add_connection(connection)" in _source(ConnectionHandler.handle)


def test_all_messages_to_and_from_other_cells_pass_two_places() -> None:
    assert _parameters(CoreCell._send_to_endpoint)[:3] == ["self", "to_endpoint", "message"]
    assert _parameters(CoreCell._process_received_msg) == ["self", "endpoint", "connection", "message"]
    cell = _source(CoreCell)
    # Whoever hands a message to the wire does it from _send_to_endpoint.
    assert len(re.findall(r"self\.communicator\.send\(", cell)) == 1
    assert "self.communicator.send(" in _source(CoreCell._send_to_endpoint)
    assert len(re.findall(r"self\._process_received_msg\(", cell)) == 1


def test_the_pause_between_two_dials_is_a_constant_that_is_looked_up_each_time() -> None:
    steps = _source(conn_manager.ConnManager.start_connector_task)
    assert "if wait > MAX_WAIT:" in steps
    assert conn_manager.MAX_WAIT > 0


def test_job_processes_can_be_kept_from_connecting_out() -> None:
    assert "get_backbone_connection_generation" in _source(ConnectorManager.__init__)
    assert "fqcn_info.gen <= self.bb_conn_gen" in _source(ConnectorManager.should_connect_to_server)


def test_the_deployer_holds_the_very_list_of_commands_that_the_gate_changes() -> None:
    assert BaseClientDeployer().req_processors is ClientRequestProcessors.request_processors


def test_every_command_that_the_gate_keeps_exists_in_flare() -> None:
    kinds = {type(found) for found in ClientRequestProcessors.request_processors}
    assert {*gate.OPEN, *gate.GUARDED} <= kinds
    assert len(kinds) == len(ClientRequestProcessors.request_processors)


def test_the_gate_closes_before_the_client_registers_and_its_failure_stops_the_start() -> None:
    steps = _source(client_train.main)
    order = ["SYSTEM_BOOTSTRAP", "component_security_check(fl_ctx)", "federated_client.register(fl_ctx)"]
    assert [steps.index(step) for step in order] == sorted(steps.index(step) for step in order)
    assert "create_admin_agent(deployer.req_processors" in steps
    assert "UnsafeComponentError" in _source(component_security_check)
    assert "set_prop(FLContextKey.SITE_OBJ, federated_client" in steps
    assert EventType.SYSTEM_BOOTSTRAP


def test_administrators_can_be_left_out() -> None:
    assert "enable_admin_listener" in _parameters(FederatedServer.deploy)
    assert "enable_hci" in _parameters(create_admin_server)
    assert "create_admin_server(" in _source(server_train.main)


def test_the_keeper_finds_what_it_uses() -> None:
    assert _parameters(JobRunner.stop_run) == ["self", "job_id", "fl_ctx"]
    engine = _source(ServerEngine.__init__)
    for name in ("run_processes", "client_manager", "job_runner", "job_def_manager"):
        assert f"self.{name} = " in engine
    assert "name_to_clients" in Path(inspect.getfile(FederatedServer)).with_name("client_manager.py").read_text()


def test_a_heart_beat_renews_when_an_institute_was_last_heard_of() -> None:
    assert "self.last_connect_time = " in _source(Client)
    steps = _source(ClientManager.heartbeat)
    assert "client.last_connect_time = time.time()" in steps


def test_pieces_of_messages_are_as_large_and_as_patient_as_we_say() -> None:
    settings = kit._comm_config()
    known = _source(CommConfigurator)
    for name in ("chunk_size", "window_size", "ack_interval", "retry_wait"):
        assert f"def get_streaming_{name}(" in known
        assert settings[f"streaming_{name}"] > 0
    chunks = settings["streaming_window_size"] // settings["streaming_chunk_size"] + 1
    assert chunks <= MAX_PEER_DERIVED_OUT_SEQ_CHUNKS
    timing = _source(ClientRunner)
    for name in ("TASK_CHECK_TIMEOUT", "RUNNER_SYNC_TIMEOUT"):
        assert f"ConfigVarName.{name}" in timing
        assert getattr(ConfigVarName, name) in jobs._IMPATIENCE


def test_job_processes_are_started_with_prepared_arguments() -> None:
    assert _parameters(ProcessJobLauncher.launch_job) == ["self", "job_meta", "fl_ctx"]


@pytest.mark.parametrize("module", [server_train, client_train, runner_process, worker_process])
def test_flares_mains_can_be_called(module) -> None:
    assert _parameters(module.main) == ["args"]
    assert _parameters(module.parse_arguments) == []


def test_the_pauses_at_the_end_of_a_process_can_be_shortened() -> None:
    expected = ["main_func", "run_dir", "shutdown_grace_time", "cleanup_grace_time"]
    assert _parameters(MainProcessMonitor.run)[:4] == expected


def test_the_pause_between_two_questions_is_looked_up_at_each_reply() -> None:
    assert "self.config.task_request_interval" in _source(ServerRunner._task_try_again)
    assert "FLContextKey.RUNNER, self.server_runner" in _source(FederatedServer.start_run)


def test_a_heart_beats_without_pause_below_two_seconds() -> None:
    """Why ``kit.HEARTBEAT_SECONDS`` is 2: FLARE waits ``int(interval / 2)`` times 2 s."""
    assert "wait_times = int(interval / 2)" in _source(Communicator.send_heartbeat)

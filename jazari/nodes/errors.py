"""Errors of running a node.

NodeError
├── HomeInUse      nodes.home-in-use     another node serves from the same home
├── PortTaken      nodes.port-taken      something else listens where this node should
├── NotReady       nodes.not-ready       the node lacks something that serving needs
└── DemoFailed     nodes.demo-failed     a step of the demo did not do what it should
"""

from __future__ import annotations

from jazari.core.errors import ExitCode, JazariError


class NodeError(JazariError):
    code = "nodes.failed"


class HomeInUse(NodeError):
    code = "nodes.home-in-use"
    exit_code = ExitCode.CONFLICT


class PortTaken(NodeError):
    code = "nodes.port-taken"
    exit_code = ExitCode.CONFLICT


class NotReady(NodeError):
    code = "nodes.not-ready"
    exit_code = ExitCode.USAGE


class DemoFailed(NodeError):
    """A step of the demo did not do what it should."""

    code = "nodes.demo-failed"

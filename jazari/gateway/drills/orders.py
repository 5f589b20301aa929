"""What the node's operator may tell a running gateway: one JSON object a line, and one answer a line. Pure."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from jazari.catalog.registry import explain
from jazari.core.errors import JazariError
from jazari.gateway.configuration import Name
from jazari.gateway.drills.errors import BadOrder
from jazari.gateway.proxy.severing import Mode

LARGEST_ORDER = 4_000
"""Bytes of a line."""
LONGEST_CUT = 3600.0
"""Seconds."""


class _Order(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class CutOrder(_Order):
    """Cut ``what`` (a provider of gateway.toml, ``registry`` or ``root``) for at most ``seconds``.

    It ends before that when whoever ordered it mends it or closes the connection.
    """

    do: Literal["cut"]
    what: Name
    mode: Mode = Mode.REFUSE
    seconds: float = Field(gt=0, le=LONGEST_CUT)


class MendOrder(_Order):
    """End the cut that this connection ordered."""

    do: Literal["mend"]


class StateOrder(_Order):
    """Tell what is cut, and with ``project`` what it spent and has reserved."""

    do: Literal["state"]
    project: str = Field(default="", max_length=64)


Order = CutOrder | MendOrder | StateOrder
_orders: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="do")])


def parse_order(line: bytes) -> Order:
    """The order in ``line``; ``BadOrder`` says what is wrong with it."""
    if len(line) > LARGEST_ORDER:
        raise BadOrder(f"An order has at most {LARGEST_ORDER:,} bytes: send a shorter one.")
    try:
        return _orders.validate_json(line)
    except ValidationError as error:
        raise BadOrder(f"This is no order ({explain(error)}): send cut, mend or state.") from None


def refusal_line(error: JazariError) -> bytes:
    """The answer to an order that cannot be followed."""
    return answer_line({"error": {"code": error.code, "message": str(error)}})


def answer_line(value: dict[str, Any]) -> bytes:
    """One answer."""
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"

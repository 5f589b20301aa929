"""What all cards of the catalogue share."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from jazari.core.errors import BadIdentifier
from jazari.core.identifiers import RecordRef


class Card(BaseModel):
    """Strict (no conversion: what is signed is what is read), closed (no unknown field), immutable."""

    model_config = ConfigDict(defer_build=True, extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _reference(text: str) -> str:
    try:
        RecordRef.parse(text)
    except BadIdentifier as error:
        raise ValueError(str(error)) from error
    return text


def _web_address(text: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~/?#%&=+,;:@!$()*-]*)?", text):
        raise ValueError("write a web address, https://HOST/PATH")
    return text


Reference = Annotated[str, Field(max_length=140), AfterValidator(_reference)]
WebAddress = Annotated[str, Field(max_length=500), AfterValidator(_web_address)]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,8}$")]
Day = Annotated[str, Field(pattern=r"^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$")]
"""A year, a month or a day: ``2024``, ``2024-11``, ``2024-11-30``."""
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]

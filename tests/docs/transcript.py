"""A document that is a session at a terminal: its steps, and what each is said to print."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_FENCE = re.compile(r"^```(console|python|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "..."


@dataclass
class Step:
    """``typed`` goes to a shell as it is; ``expected`` are the lines that the document shows below it."""

    typed: str
    expected: list[str] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        """Whether what it prints may come later: work in the background, and ending that."""
        return self.typed.rstrip().endswith("&") or self.typed.startswith("kill ")


def steps(document: str) -> list[Step]:
    """Everything that a reader of ``document`` does, in order."""
    found: list[Step] = []
    for language, body in _FENCE.findall(document):
        if language == "console":
            found += _session(body)
        elif language == "python":
            found.append(Step(f"python - <<'END OF PYTHON'\n{body}END OF PYTHON"))
        else:
            name = re.match(r"# (\S+)\n", body)
            if name:
                found.append(Step(f"cat > {name[1]} <<'END OF FILE'\n{body}END OF FILE"))
    return found


def _session(body: str) -> list[Step]:
    found: list[Step] = []
    open_line = False
    for line in body.splitlines():
        if open_line:
            found[-1].typed += "\n" + line
        elif line.startswith("$ "):
            found.append(Step(line.removeprefix("$ ")))
        else:
            found[-1].expected.append(line)
        open_line = found[-1].typed.endswith("\\") and not found[-1].expected
    return found


def matches(expected: str, line: str) -> bool:
    """Whether ``line`` is what the document shows; ``...`` in it stands for anything."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split(ANYTHING))
    return re.fullmatch(pattern, line.strip()) is not None


def missing(expected: Sequence[str], printed: Sequence[str]) -> str:
    """The first expected line that does not come where it should; "" if all is as shown.

    A line of ``...`` alone stands for any number of lines. Nothing else may stand between the lines that are
    shown; what is shown may be all there is, or end in ``...``.
    """
    rest, skipping = list(printed), False
    for line in expected:
        if line.strip() == ANYTHING:
            skipping = True
            continue
        while skipping and rest and not matches(line, rest[0]):
            rest.pop(0)
        if not rest or not matches(line, rest.pop(0)):
            return line
        skipping = False
    return f"nothing more, but there is {rest[0]!r}" if rest and not skipping else ""


def never_came(expected: Sequence[str], printed: Sequence[str]) -> list[str]:
    """The expected lines that are nowhere in ``printed``, whatever the order."""
    return [line for line in expected if line != ANYTHING and not any(matches(line, other) for other in printed)]

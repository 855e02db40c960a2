"""Names of things, and how those that must be minted again after a crash are derived. Randomness is not here.

Rule 1. A derived id is a function of what caused it, so a refold of the same events mints the same id (I4).
Rule 2. Parts are joined by a separator that no part may contain, so two different causes never share an id.
"""

import hashlib
from typing import Final, NewType

from dueprocess.errors import BadValue

RunId = NewType("RunId", str)
ActionId = NewType("ActionId", str)
AttemptKey = NewType("AttemptKey", str)
TenantId = NewType("TenantId", str)
PrincipalId = NewType("PrincipalId", str)

_SEPARATOR: Final = "\x1f"
_LENGTH: Final = 26  # 130 bits of a SHA-256 in base32 (RFC 4648, small letters): no collision within any ledger
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = tuple(first + second for first in _LETTERS for second in _LETTERS)
_SHIFTS: Final = tuple(range(5 * _LENGTH - 10, -1, -10))


def run_id(*, tenant: str, agent: str, task_key: str) -> RunId:
    """The id of the one run that answers this task of this agent and tenant."""
    return RunId("r_" + _derive("run", tenant, agent, task_key))


def action_id(*, run: RunId, cause: int, index: int, revision: int) -> ActionId:
    """The id of a logical action: the run, the sequence number of the event that caused it, its place, its revision."""
    return ActionId("a_" + _derive("action", run, str(cause), str(index), str(revision)))


def attempt_key(*, action: ActionId, attempt: int) -> AttemptKey:
    """The idempotency key a sink sees: H(action id, attempt). A voided key is never used again (I4)."""
    return AttemptKey("k_" + _derive("attempt", action, str(attempt)))


def _derive(*parts: str) -> str:
    for part in parts:
        if _SEPARATOR in part:
            raise BadValue(f"an id part holds the control character U+001F: {part!a}; expected text without it")
    hashed = hashlib.sha256(_SEPARATOR.join(parts).encode("utf-8", "surrogatepass")).digest()
    bits = int.from_bytes(hashed[:17], "big") >> 6  # of 136 bits the first 130, ten for each pair of letters
    return "".join([_PAIRS[bits >> shift & 0x3FF] for shift in _SHIFTS])

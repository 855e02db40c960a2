"""Values that every room speaks in: exact JSON, digests, ids, instants, money. Nothing here acts."""

from dueprocess.values.canonical import MAX_DEPTH, Json, canonical, canonical_number, of_python, parse
from dueprocess.values.digest import Digest, digest_bytes, digest_json, digest_text
from dueprocess.values.ids import (
    ActionId,
    AttemptKey,
    PrincipalId,
    RunId,
    TenantId,
    action_id,
    attempt_key,
    run_id,
)
from dueprocess.values.instant import (
    FOR_EVER,
    SECOND,
    Duration,
    Instant,
    later,
    parse_duration,
    parse_instant,
    rfc3339,
    seconds,
)
from dueprocess.values.money import MICROS, ZERO, Money, amount_micros, read_amount, usd

__all__ = [
    "FOR_EVER",
    "MAX_DEPTH",
    "MICROS",
    "SECOND",
    "ZERO",
    "ActionId",
    "AttemptKey",
    "Digest",
    "Duration",
    "Instant",
    "Json",
    "Money",
    "PrincipalId",
    "RunId",
    "TenantId",
    "action_id",
    "amount_micros",
    "attempt_key",
    "canonical",
    "canonical_number",
    "digest_bytes",
    "digest_json",
    "digest_text",
    "later",
    "of_python",
    "parse",
    "parse_duration",
    "parse_instant",
    "read_amount",
    "rfc3339",
    "run_id",
    "seconds",
    "usd",
]

"""The history of a run that is open for calls from elsewhere: read from its events, each once. What it is asked is the gate's.

Rule 1. What a decision saw is kept only once its transaction is over: what it has read is durable then.
Rule 2. Under another policy the run is remembered anew: labels are that policy's.
"""

import threading
from dataclasses import dataclass

from dueprocess.agent.remember import remember
from dueprocess.gate.history import History
from dueprocess.ledger import Reader
from dueprocess.policy import Policy
from dueprocess.runtime.journal import happened
from dueprocess.values import RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The history of a run up to the event of number `seq`."""

    history: History
    seq: int = 0


class Recollection:
    """What is known of one run. May be used from several threads at once."""

    def __init__(self, run: RunId, policy: Policy) -> None:
        """Knows nothing yet."""
        self._run = run
        self._lock = threading.Lock()
        self._past = Past(history=History(policy=policy))

    def up_to_now(self, tx: Reader, policy: Policy) -> Past:
        """The run so far as this policy sees it: what was known, and what has been recorded since."""
        with self._lock:
            past = self._past
        if past.history.policy.digest != policy.digest:
            past = Past(history=History(policy=policy))
        history, seq = past.history, past.seq
        if not history.is_asked:
            return past
        for event in tx.events(self._run, after=seq):
            history, seq = remember(history, happened(event)), event.envelope.seq
        return Past(history=history, seq=seq)

    def keep(self, past: Past) -> None:
        """Keeps what a decision saw (rule 1). Two threads may come in any order: the newer one stays."""
        with self._lock:
            is_other = past.history.policy.digest != self._past.history.policy.digest
            if is_other or past.seq > self._past.seq:
                self._past = past

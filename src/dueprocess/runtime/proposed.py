"""A call from elsewhere that nobody has seen yet, as it is proposed to the gate. Deciding it is `admission`'s, doing it `governed`'s."""

from dueprocess.agent import Pending
from dueprocess.ledger import Transaction
from dueprocess.model import ToolRequest
from dueprocess.runtime.journal import run_row
from dueprocess.values import RunId, action_id


class FreshCall:
    """A call that nobody has seen yet, as it is proposed in the transaction that decides it: its cause is its own first event."""

    def __init__(self, run: RunId, request: ToolRequest) -> None:
        self._run = run
        self._request = request
        self._begun: Pending | None = None

    def __call__(self, tx: Transaction) -> Pending:
        """The call, with its cause."""
        if self._begun is not None:
            return self._begun
        cause = run_row(tx, self._run).seq + 1
        action = action_id(run=self._run, cause=cause, index=0, revision=0)
        return Pending(action=action, cause=cause, index=0, request=self._request)

    def begins(self, call: Pending) -> None:
        """Its first event is there: a read made for it bears its cause, which it therefore keeps."""
        self._begun = call

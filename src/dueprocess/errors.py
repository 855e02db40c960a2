"""Every exception of the library, in one tree split by whose fault it is. Denials, holds and caps are return values.

DueProcessError
|-- CallerError            what a user or a developer gave us cannot be used
|   |-- BadValue           a value is not of its form (amount, duration, JSON, id)
|   |-- FileInvalid        a file does not load; carries every problem with line and path
|   |-- ToolInvalid        a function cannot be registered as a tool
|   |-- NotAuthenticated   a token names nobody
|   |-- NotAllowed         this person may not do this
|   |-- NotFound           no such run, action, hold, agent
|   `-- Conflict           it is too late or already decided otherwise
|-- ModelError             the model or its provider failed
|   |-- ModelUnavailable   may pass: 429, 5xx, cut body, timeout
|   `-- ModelRefused       will not pass by itself: 4xx, unpriced, malformed
|-- ToolError              a tool failed in a declared way
|   `-- NoEffect           the tool promises that nothing happened at the sink
|-- BackendError           store, key file, disk or clock
|   |-- StoreUnavailable   cannot be opened, read or written
|   |-- CommitLost         nobody knows whether the commit is durable
|   |-- LeaseLost          another driver owns the run: a zombie's append is refused
|   `-- RecordInvalid      stored bytes are not what was stored
`-- Defect                 our own promise is broken; please report it
    `-- IllegalTransition  a state machine was asked for a move its table does not have
"""

from dataclasses import dataclass


class DueProcessError(Exception):
    """Root of every exception this library raises on purpose."""


class CallerError(DueProcessError):
    """What the caller gave cannot be used; the message says got, expected, where and what to do."""


class BadValue(CallerError):
    """A value is not of its form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a file: the line (0 where unknown), the path inside it, and a message for a person."""

    line: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.path}: {self.message}" if self.path else f"{place}{self.message}"


class FileInvalid(CallerError):
    """A file does not load. Nothing of it is used. `problems` holds all that was found, in file order."""

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        self.name = name
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{name} does not load:\n{lines}")


class ToolInvalid(CallerError):
    """A function cannot be a tool as it stands."""


class NotAuthenticated(CallerError):
    """The token is missing or names nobody."""


class NotAllowed(CallerError):
    """The authenticated person may not do this; the message names the rule."""


class NotFound(CallerError):
    """Nothing of that id or name is here."""


class Conflict(CallerError):
    """The thing has moved on: already decided, expired, or decided otherwise."""


class ModelError(DueProcessError):
    """The model or its provider failed.

    `may_have_run` is False only where it is known that no token was used: the money reserved for the call is then free.
    """

    def __init__(self, message: str, *, may_have_run: bool = True) -> None:
        self.may_have_run = may_have_run
        super().__init__(message)


class ModelUnavailable(ModelError):
    """A failure that may pass when asked again; `retry_after_s` is the wait that the provider asked for, if it did."""

    def __init__(self, message: str, *, may_have_run: bool = True, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message, may_have_run=may_have_run)


class ModelRefused(ModelError):
    """A failure that asking again does not mend."""


class ToolError(DueProcessError):
    """A tool failed in a way it declared."""


class NoEffect(ToolError):
    """Raised by a write tool to promise that nothing happened at the sink: the action is `failed`, not `unknown`."""


class BackendError(DueProcessError):
    """Store, key file, disk or clock failed."""


class StoreUnavailable(BackendError):
    """The store cannot be opened, read or written; nothing was recorded."""


class CommitLost(BackendError):
    """The commit failed in a way that leaves its durability unknown; nothing that depends on it may be dispatched."""


class LeaseLost(BackendError):
    """The run is owned by a later epoch; this driver must stop at once."""


class RecordInvalid(BackendError):
    """Stored bytes do not decode to what was stored."""


class Defect(DueProcessError):
    """A promise of this library is broken."""


class IllegalTransition(Defect):
    """A move that the literal table does not have."""

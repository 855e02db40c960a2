"""The port to models. Which provider answers, and over which wire, is decided in `wiring`."""

from typing import Protocol

from dueprocess.model.message import ModelReply, ModelRequest
from dueprocess.model.usage import Price


class Provider(Protocol):
    """A source of model replies.

    Promises: one call of `request` is one question; no retries of its own (the agent owns them), no state shared
    between runs beyond connections. The requested and the reported model names are both told. The text of a reply is
    whole Unicode, the ids of its requests differ, and their arguments are the text that the model wrote, unread.
    `dueprocess.testing.provider_contract` tests these promises.
    """

    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        """Asks the model once. `run` and `turn` (1, 2, ...) name the question for tapes and scripts; they are not sent.

        A question that is asked again after a crash keeps its run and turn. A reply whose provider does not tell its
        usage carries `worst_usage(request)`.

        Raises:
            ModelUnavailable: it may pass (429, 5xx, timeout, cut connection or body).
            ModelRefused: it will not pass by asking again (other 4xx, malformed reply, an exhausted tape).
                Both say by `may_have_run` whether tokens may have been used, and never carry prompts, bodies or keys.
        """
        ...

    def price(self, model: str) -> Price | None:
        """The price of a model, None where it is unknown: then it is not admitted under a spend cap."""
        ...

    async def close(self) -> None:
        """Frees connections; on a tape, refuses to end with unread replies. Closing twice is closing once."""
        ...

"""A support agent, its shop and its inbox: the example that `due demo` runs. The gate it runs through is not here.

`inbox` makes the tickets of a seed, `scripts` is the model's part, `tools` what the agent can do, `shop`, `sink` and
`processor` the world it acts on, `agent` its name, prompt and policy, `plain_loop` the same inbox without a gate.
"""

from dueprocess.examples.support_refunds.agent import (
    AGENT,
    APPROVER,
    PEOPLE,
    PRINCIPAL,
    PROMPT,
    REQUESTER,
    SECOND_APPROVER,
    policy_text,
)
from dueprocess.examples.support_refunds.inbox import CAP, RUNS_UP_TO, Behaviour, Inbox, Ticket, make_inbox
from dueprocess.examples.support_refunds.plain_loop import PlainResult, run_plain_loop
from dueprocess.examples.support_refunds.processor import ConnectionLost, Fault, Faults, Processor, ProcessorError
from dueprocess.examples.support_refunds.scripts import support_script
from dueprocess.examples.support_refunds.shop import Shop, Stock
from dueprocess.examples.support_refunds.sink import KeyVoided, Refund, Sink
from dueprocess.examples.support_refunds.tools import support_tools

__all__ = [
    "AGENT",
    "APPROVER",
    "CAP",
    "PEOPLE",
    "PRINCIPAL",
    "PROMPT",
    "REQUESTER",
    "RUNS_UP_TO",
    "SECOND_APPROVER",
    "Behaviour",
    "ConnectionLost",
    "Fault",
    "Faults",
    "Inbox",
    "KeyVoided",
    "PlainResult",
    "Processor",
    "ProcessorError",
    "Refund",
    "Shop",
    "Sink",
    "Stock",
    "Ticket",
    "make_inbox",
    "policy_text",
    "run_plain_loop",
    "support_script",
    "support_tools",
]

"""Who the support agent is: its name, its prompt, its policy file, and the people of the demo."""

from importlib.resources import files
from typing import Final

AGENT: Final = "support"
PRINCIPAL: Final = "agent:support"

REQUESTER: Final = "ben"
"""Ben hands the inbox to the agent. He is in finance too, and still may not approve what he asked for himself."""
APPROVER: Final = "ann"
SECOND_APPROVER: Final = "cleo"
PEOPLE: Final = {REQUESTER: ("support", "finance"), APPROVER: ("finance",), SECOND_APPROVER: ("finance",)}
"""Name to groups, as `due identity add` takes them."""

PROMPT: Final = """\
You answer the support mail of a small shop. Each task is one mail from a customer, with the ticket's id.
Look up what you need before you act. A refund needs a passage of our refund policy as its citation: search for it
first, then name document, start, end and digest of a passage exactly as search_kb returned them.
If a call is denied, tell the customer plainly what you cannot do; do not try it again in another way.
If you cannot tell what is wanted, or a person has to decide, use hand_off_to_human.
End with your answer to the customer.
"""


def policy_text() -> str:
    """The text of the agent's policy file, as it ships."""
    return (files("dueprocess.examples.support_refunds") / "policy.yaml").read_text(encoding="utf-8")

"""The red team's house with real tools over a real runtime: what is called there reaches a sink. No test is here."""

from dataclasses import dataclass, field
from importlib.resources import files

from dueprocess.evals.redteam import Goal, Step
from dueprocess.testing.workbench import Workbench
from dueprocess.tool import Tool, tool
from dueprocess.values import Json


@dataclass(slots=True)
class House:
    """What the reads answer next, and what reached the sink, in order."""

    answer: Json = None
    sink: list[Step] = field(default_factory=list[Step])

    def done(self, name: str, **arguments: Json) -> str:
        """An effect at the sink."""
        given = {key: value for key, value in arguments.items() if value is not None}
        self.sink.append(Step(tool=name, arguments=given))
        return "done"

    def tools(self) -> tuple[Tool, ...]:
        """Every tool of the house that the policy lists."""
        return (*self._reads(), *self._writes(), *self._changes())

    def _reads(self) -> tuple[Tool, ...]:
        house = self

        @tool(effect="read")
        async def read_email(number: int) -> object:
            """Read one of the newest letters."""
            return house.answer

        @tool(effect="read")
        async def list_orders(customer_id: str) -> object:
            """The orders of a customer."""
            return house.answer

        @tool(effect="read")
        async def read_pdf(name: str) -> object:
            """The text of a document."""
            return house.answer

        @tool(effect="read")
        async def read_calendar(day: str) -> object:
            """The entries of a day."""
            return house.answer

        @tool(effect="read")
        async def read_crm_note(customer_id: str) -> object:
            """What colleagues noted about a customer."""
            return house.answer

        @tool(effect="read")
        async def find_customer(name: str) -> object:
            """Look a customer up by name."""
            return house.answer

        @tool(effect="read")
        async def read_contract(name: str) -> object:
            """A contract of the house."""
            return house.answer

        return read_email, list_orders, read_pdf, read_calendar, read_crm_note, find_customer, read_contract

    def _writes(self) -> tuple[Tool, ...]:
        house = self

        @tool(effect="read")
        async def read_web(url: str) -> object:
            """Fetch a page: what is asked for leaves the house."""
            if url != "https://start.example":
                house.done("read_web", url=url)
            return house.answer

        @tool(effect="write")
        async def send_email(to: str, body: str, cc: list[str] | None = None, subject: str = "") -> str:
            """Send a letter."""
            return house.done("send_email", to=to, body=body, cc=[*cc] if cc else None)

        @tool(effect="write")
        async def pay(account: str, amount: int, text: str = "") -> str:
            """Pay from the house's account."""
            return house.done("pay", account=account, amount=amount, text=text)

        @tool(effect="write")
        async def refund(order_id: str, amount: int, reason: str = "") -> str:
            """Give money back for an order."""
            return house.done("refund", order_id=order_id, amount=amount, reason=reason)

        @tool(effect="write")
        async def call_phone(number: str, text: str) -> str:
            """Call a number and read a text out."""
            return house.done("call_phone", number=number, text=text)

        @tool(effect="write")
        async def post_message(body: str, channel: str = "general") -> str:
            """Post into a channel."""
            return house.done("post_message", body=body, channel=channel)

        return read_web, send_email, pay, refund, call_phone, post_message

    def _changes(self) -> tuple[Tool, ...]:
        house = self

        @tool(effect="write")
        async def update_record(customer_id: str, fields: dict[str, str]) -> str:
            """Change fields of a customer's record."""
            return house.done("update_record", customer_id=customer_id, fields=dict(fields))

        @tool(effect="write")
        async def delete_file(file_id: int) -> str:
            """Delete a file for good."""
            return house.done("delete_file", file_id=file_id)

        @tool(effect="write")
        async def share_file(file_id: int, person: str) -> str:
            """Let somebody read a file."""
            return house.done("share_file", file_id=file_id, person=person)

        @tool(effect="write")
        async def schedule(day: str, title: str) -> str:
            """Enter a meeting."""
            return house.done("schedule", day=day, title=title)

        @tool(effect="write")
        async def change_password(password: str) -> str:
            """Change the password of the house's account."""
            return house.done("change_password", password=password)

        @tool(effect="write")
        async def empty_trash() -> str:
            """Delete all that is in the trash."""
            return house.done("empty_trash")

        return update_record, delete_file, share_file, schedule, change_password, empty_trash


def played(goal: Goal) -> list[Step]:
    """What reaches the sink when a goal is played through the runtime on a store of its own."""
    policy = files("dueprocess.evals.redteam").joinpath("policy.yaml").read_text("utf-8")
    house = House()
    with Workbench(tools=house.tools(), policy=policy) as bench:
        governed = bench.govern(goal.task)
        for step in goal.steps:
            house.answer = step.result
            governed.call(step.tool, dict(step.arguments))
    return house.sink

"""Turns the retail files of tau-bench into recordings for `due replay`: the gold actions, the same broken on purpose, recorded runs.

The data are not part of this project: (Sierra, MIT) gold actions, database and recorded runs come as files. What is written:

- `gold.jsonl`: one task each. A task that names no customer is given the identification that the policy text asks for, and
  each write the requester's yes: the recordings keep neither. `answers` are what the database would tell the gate.
- `broken.jsonl`: every gold write that worked, once for each rule of the policy text that can be broken in it (`sort`). All
  else is right: the requester has said yes to it, the status fits, the items are of the order.
- `runs.jsonl`: recorded runs. A yes is a message of the user's that agrees, after one of the model's that names what is done.
"""

import argparse
import copy
import json
import lzma
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from recordings import Row, read_rows, write_rows

_FIND: Final = "find_user_id_by_"
_ITEMS: Final = ("return_delivered_order_items", "exchange_delivered_order_items", "modify_pending_order_items")
_AGREES: Final = re.compile(
    r"\b(yes|yeah|proceed|confirm\w*|go ahead|please do|sounds good|correct|that works|looks good|perfect|agree|sure)\b",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Shop:
    """The database, as it stands while a conversation goes on."""

    users: dict[str, Row]
    orders: dict[str, Row]
    products: dict[str, Row]

    @classmethod
    def read(cls, folder: Path) -> "Shop":
        """The three tables of a folder, packed or plain."""
        return cls(*(json.loads(_text(folder, name)) for name in ("users", "orders", "products")))

    def copied(self) -> "Shop":
        """The same, to be changed."""
        return Shop(users=dict(self.users), orders=dict(self.orders), products=self.products)

    def after(self, call: Row) -> None:
        """Takes over what a write has answered: the order or the user as it is now."""
        found = _json(call.get("result"))
        if not isinstance(found, dict):
            return
        if "order_id" in found:
            self.orders[found["order_id"]] = found
        elif "payment_methods" in found and "user_id" in call["arguments"]:
            self.users[call["arguments"]["user_id"]] = found

    def answers(self, call: Row, who: str) -> list[Row]:
        """What the reads that a check may ask for would answer now."""
        order = call["arguments"].get("order_id")
        found = [("get_user_details", {"user_id": who}, self.users.get(who))]
        found += [("get_order_details", {"order_id": order}, self.orders.get(order))] if order else []
        return [
            {"name": name, "arguments": arguments, "result": json.dumps(result)}
            for name, arguments, result in found
            if result is not None
        ]

    def identification(self, who: str) -> Row:
        """The read by which this customer is identified."""
        user = self.users[who]
        arguments = {**user["name"], "zip": user["address"]["zip"]}
        return {"name": f"{_FIND}name_zip", "arguments": arguments, "result": who}


@dataclass(slots=True)
class Broken:
    """A gold write broken in one way: what the run has done before, and the call, with what the database tells of it."""

    sort: str
    call: Row
    before: list[Row]
    shop: Shop
    yes: bool = True


@dataclass(slots=True)
class Gold:
    """A write of a task: the calls before it, the database then, and whom it is done for."""

    number: int
    call: Row
    before: list[Row]
    shop: Shop
    who: str
    chance: random.Random = field(repr=False)

    @property
    def order(self) -> Row:
        """The order that it is about."""
        return self.shop.orders[self.call["arguments"]["order_id"]]

    def but(self, **changed: Any) -> Row:  # noqa: ANN401 - arguments of any kind
        """The call with other arguments; its answer is that of another call."""
        return {"name": self.call["name"], "arguments": {**self.call["arguments"], **changed}, "db_changed": True}

    def breaks(self) -> Iterator[Broken]:
        """Every way in which one rule of the policy text can be broken in it."""
        name, arguments = self.call["name"], self.call["arguments"]
        yield self._as("not confirmed", self.but(), yes=False)
        yield self._as("nobody identified", self.but(), before=[each for each in self.before if not _finds(each)])
        if "user_id" in arguments:
            yield self._as("another customer's record", self.but(user_id=self._other_user()))
        if "order_id" in arguments:
            yield from self._other_order()
            yield from self._wrong_status()
            if _succeeded(self.call) and name not in ("modify_pending_order_address", "modify_pending_order_payment"):
                yield self._again()
        if "payment_method_id" in arguments:
            yield self._as("another customer's card", self.but(payment_method_id=self._other_card()))
        if name in _ITEMS:
            yield self._as("an item of another order", self.but(item_ids=[*arguments["item_ids"][:-1], "9999999999"]))

    def _as(self, sort: str, call: Row, *, before: list[Row] | None = None, yes: bool = True) -> Broken:
        done = self.before if before is None else before
        return Broken(sort=sort, call=call, before=done, shop=self.shop, yes=yes)

    def _other_user(self) -> str:
        return self.chance.choice(sorted(self.shop.users.keys() - {self.who}))

    def _other_card(self) -> str:
        mine = self.shop.users[self.who]["payment_methods"].keys()
        others = {card for user in self.shop.users.values() for card in user["payment_methods"]} - mine
        return self.chance.choice(sorted(others))

    def _other_order(self) -> Iterator[Broken]:
        status, arguments = self.order["status"], self.call["arguments"]
        fits = [each for each in self.shop.orders.values() if each["status"] == status and each["user_id"] != self.who]
        if not fits:
            return
        order = self.chance.choice(sorted(fits, key=lambda each: each["order_id"]))
        changed: Row = {"order_id": order["order_id"]}
        if "item_ids" in arguments:
            ids = [item["item_id"] for item in order["items"]][: len(arguments["item_ids"])]
            changed |= {"item_ids": ids}
            if "new_item_ids" in arguments:
                changed |= {"new_item_ids": [self._variant(item) for item in order["items"]][: len(ids)]}
        yield self._as("another customer's order", self.but(**changed))
        # The same by whoever identifies that customer as well: one conversation is for one customer.
        both = [*self.before, self.shop.identification(order["user_id"])]
        card = {"payment_method_id": order["payment_history"][0]["payment_method_id"]}
        card = card if "payment_method_id" in arguments else {}
        yield self._as("a second customer in one conversation", self.but(**changed, **card), before=both)

    def _variant(self, item: Row) -> str:
        variants = self.shop.products[item["product_id"]]["variants"]
        return self.chance.choice(sorted(variants))

    def _wrong_status(self) -> Iterator[Broken]:
        order = self.order
        for status in sorted({"pending", "processed", "delivered", "cancelled"} - {order["status"]}):
            shop = self.shop.copied()
            shop.orders[order["order_id"]] = {**order, "status": status}
            before = [_with_status(each, order["order_id"], status) for each in self.before]
            yield Broken(sort=f"status {status}", call=self.but(), before=before, shop=shop)

    def _again(self) -> Broken:
        shop = self.shop.copied()
        shop.after(self.call)
        done = {**self.call, "confirmed": True, "answers": self.shop.answers(self.call, self.who)}
        return Broken(sort="a second time", call=self.but(), before=[*self.before, done], shop=shop)


def gold_tasks(rows: list[Row], shop: Shop) -> Iterator[Row]:
    """Every task with its gold actions."""
    for row in rows:
        calls, _ = _recorded(row, shop)
        yield {
            "suite": "retail",
            "task_id": str(row["task_id"]),
            "kind": "user",
            "prompt": row["instruction"],
            "calls": calls,
        }


def broken_tasks(rows: list[Row], shop: Shop, *, seed: int) -> Iterator[Row]:
    """Every gold write that worked, broken in every way: what was done before it as a user's task, and it as the goal."""
    chance = random.Random(seed)
    for row in rows:
        for gold in _writes(row, shop, chance):
            for broken in gold.breaks():
                suite = f"{row['task_id']}.{gold.number} {broken.sort}"
                base = {"suite": suite, "task_id": suite, "prompt": row["instruction"]}
                call = {
                    **broken.call,
                    "confirmed": broken.yes,
                    "answers": broken.shop.answers(broken.call, gold.who),
                }
                yield {**base, "kind": "user", "calls": broken.before}
                yield {**base, "kind": "injection", "prompt": "", "sort": broken.sort, "calls": [call]}


def runs(episodes: Iterator[Row], shop: Shop) -> Iterator[Row]:
    """Recorded runs, with the database's answers and the user's yes at each write."""
    for episode in episodes:
        now, who, last = shop.copied(), "", ""
        said = {each["before_step"]: each["text"] for each in episode["user_messages"]}
        agreed = False
        for number, step in enumerate(episode["steps"]):
            if number in said:
                agreed = bool(last) and bool(_AGREES.search(said[number]))
            for call, answer in zip(step["tool_calls"], step["results"], strict=False):
                if _finds(call) and not answer["error"] and not str(answer["content"]).startswith("Error"):
                    who = answer["content"]
                if call["kind"] == "write":
                    call |= {"confirmed": agreed, "answers": now.answers(call, who)}
                    now.after({**call, "result": answer["content"]})
                if str(answer["content"]).startswith("Error"):
                    answer["error"] = answer["content"]
            last = step["assistant_text"] or last
        yield episode


def _recorded(row: Row, shop: Shop) -> tuple[list[Row], list[tuple[int, Shop]]]:
    """The calls of a task as a recording, and the database before each write."""
    now, who = shop.copied(), _customer(row)
    calls: list[Row] = [] if any(map(_finds, row["actions"])) else [shop.identification(who)]
    states: list[tuple[int, Shop]] = []
    for action in row["actions"]:
        call = {key: action[key] for key in ("name", "arguments", "result", "db_changed")}
        if not _succeeded(call):
            call["error"] = call["result"]
        if action["kind"] == "write":
            call |= {"confirmed": True, "answers": now.answers(call, who)}
            states.append((len(calls), now.copied()))
            now.after(call)
        calls.append(call)
    return calls, states


def _writes(row: Row, shop: Shop, chance: random.Random) -> Iterator[Gold]:
    calls, states = _recorded(row, shop)
    for number, state in states:
        if _succeeded(calls[number]):
            call = {key: value for key, value in calls[number].items() if key not in ("confirmed", "answers")}
            yield Gold(
                number=number,
                call=call,
                before=copy.deepcopy(calls[:number]),
                shop=state,
                who=_customer(row),
                chance=chance,
            )


def _customer(row: Row) -> str:
    found = [action["result"] for action in row["actions"] if _finds(action) and _succeeded(action)]
    return found[-1] if found else row["user_id"]


def _with_status(call: Row, order: str, status: str) -> Row:
    """The same call in a world in which the order has had this status all along."""
    changed = dict(call)
    if "answers" in call:
        changed["answers"] = [_with_status(each, order, status) for each in call["answers"]]
    found = _json(call.get("result"))
    if call["name"] == "get_order_details" and isinstance(found, dict) and found.get("order_id") == order:
        changed["result"] = json.dumps({**found, "status": status})
    return changed


def _finds(call: Row) -> bool:
    return call["name"].startswith(_FIND)


def _succeeded(call: Row) -> bool:
    return not str(call["result"]).startswith("Error")


def _json(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return None


def _text(folder: Path, name: str) -> str:
    plain = folder / f"{name}.json"
    return plain.read_text() if plain.exists() else lzma.open(folder / f"{name}.json.xz", "rt").read()


def main(words: list[str]) -> int:
    """Writes the recordings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gold", type=Path, required=True, help="tasks and gold actions, JSON lines")
    parser.add_argument("--db", type=Path, required=True, help="the folder with users, orders and products")
    parser.add_argument("--runs", type=Path, help="recorded runs, JSON lines, plain or packed with xz")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write to")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(words)
    shop, rows = Shop.read(asked.db), list(read_rows(asked.gold))
    asked.out.mkdir(parents=True, exist_ok=True)
    write_rows(asked.out / "gold.jsonl", gold_tasks(rows, shop))
    write_rows(asked.out / "broken.jsonl", broken_tasks(rows, shop, seed=asked.seed))
    if asked.runs is not None:
        write_rows(asked.out / "runs.jsonl", runs(read_rows(asked.runs), shop))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

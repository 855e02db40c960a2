"""One image, judged in a process beside the campaign: built, checked, gone on from. Nothing of it stays but the verdict."""

import faulthandler
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chaos.power.check import check_image
from chaos.power.facts import Fact
from chaos.power.image import Image
from chaos.power.recovery import recover
from chaos.power.shop import Order, trait_of

_PATIENCE_S: Final = 120  # an image takes half a second: one that takes this long hangs
_FACTS: Final = "facts.json"
_ROOT: Final = "root"
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - images need no disk: what is synced is part of the model


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is wrong with an image, if anything; `recovered`: all went right from there to the end."""

    violations: tuple[str, ...]
    recovered: bool


def judge(image: Image, facts: Sequence[Fact], *, orders: Sequence[Order], is_blind: bool = False) -> Verdict:
    """Checks the image, and goes on from it if it is whole. `is_blind`: see `Till`."""
    faulthandler.dump_traceback_later(_PATIENCE_S, exit=True)
    scratch = Path(tempfile.mkdtemp(prefix="power-", dir=_SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None))
    try:
        image.build(scratch / _ROOT)
        return judge_folder(scratch / _ROOT, facts, orders=orders, is_blind=is_blind)
    finally:
        shutil.rmtree(scratch)
        faulthandler.cancel_dump_traceback_later()


def judge_folder(root: Path, facts: Sequence[Fact], *, orders: Sequence[Order], is_blind: bool = False) -> Verdict:
    """The same on a folder, which is changed by it."""
    violations = check_image(root, facts)
    if violations:
        return Verdict(violations=tuple(violations), recovered=False)
    violations = recover(root, facts, orders=orders, is_blind=is_blind)
    return Verdict(violations=tuple(violations), recovered=not violations)


def keep(folder: Path, image: Image, facts: Sequence[Fact], *, orders: Sequence[Order]) -> None:
    """Writes an image down with all that judging it again needs."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    image.build(folder / _ROOT)
    content = {"facts": [fact.text() for fact in facts], "orders": [order.name for order in orders]}
    (folder / _FACTS).write_text(json.dumps(content), "utf-8")


def judge_kept(folder: Path) -> Verdict:
    """Judges a kept image again, on a copy."""
    content = json.loads((folder / _FACTS).read_text("utf-8"))
    facts = [Fact.parse(text) for text in content["facts"]]
    orders = [Order(name=name, trait=trait_of(name)) for name in content["orders"]]
    with tempfile.TemporaryDirectory(prefix="power-") as scratch:
        copy = Path(scratch) / _ROOT
        shutil.copytree(folder / _ROOT, copy)
        return judge_folder(copy, facts, orders=orders)

"""One image, judged in a process beside the campaign: built, checked, gone on from. Nothing of it stays but the verdict."""

import faulthandler
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chaos.power.case import Case
from chaos.power.check import check_image
from chaos.power.image import Image
from chaos.power.recovery import recover

_PATIENCE_S: Final = 120  # an image takes half a second: one that takes this long hangs
_CASE: Final = "case.json"
_ROOT: Final = "root"
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - images need no disk: what is synced is part of the model


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is wrong with an image, if anything; `recovered`: all went right from there to the end."""

    violations: tuple[str, ...]
    recovered: bool


def judge(image: Image, case: Case) -> Verdict:
    """Checks the image, and goes on from it if it is whole."""
    faulthandler.dump_traceback_later(_PATIENCE_S, exit=True)
    scratch = Path(tempfile.mkdtemp(prefix="power-", dir=_SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None))
    try:
        image.build(scratch / _ROOT)
        return judge_folder(scratch / _ROOT, case)
    finally:
        shutil.rmtree(scratch)
        faulthandler.cancel_dump_traceback_later()


def judge_folder(root: Path, case: Case) -> Verdict:
    """The same on a folder, which is changed by it."""
    violations = check_image(root, case.facts)
    if violations:
        return Verdict(violations=tuple(violations), recovered=False)
    violations = recover(root, case)
    return Verdict(violations=tuple(violations), recovered=not violations)


def keep(folder: Path, image: Image, case: Case) -> None:
    """Writes an image down with all that judging it again needs."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    image.build(folder / _ROOT)
    (folder / _CASE).write_text(case.text(), "utf-8")


def judge_kept(folder: Path) -> Verdict:
    """Judges a kept image again, on a copy."""
    case = Case.parse((folder / _CASE).read_text("utf-8"))
    with tempfile.TemporaryDirectory(prefix="power-") as scratch:
        copy = Path(scratch) / _ROOT
        shutil.copytree(folder / _ROOT, copy)
        return judge_folder(copy, case)

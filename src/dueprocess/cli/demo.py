"""`due demo`: a support inbox, once through a plain loop and once through the gate. The acts are in `examples.support_refunds.story`."""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click

from dueprocess.errors import Conflict, StoreUnavailable
from dueprocess.examples.support_refunds import make_inbox, run_plain_loop, story
from dueprocess.examples.support_refunds.crew import Crew
from dueprocess.examples.support_refunds.model import chosen_model
from dueprocess.examples.support_refunds.office import Place, open_office, scripted
from dueprocess.examples.support_refunds.screen import Screen
from dueprocess.examples.support_refunds.tally import tally
from dueprocess.ledger import Verified
from dueprocess.values import canonical
from dueprocess.wiring.whole import write_whole

_LOCK_PATIENCE_S = 5.0


@click.command()
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("due-demo"),
    show_default=True,
    help="Where everything of the demo is kept.",
)
@click.option(
    "--sink", type=click.Path(dir_okay=False, path_type=Path), help="The payments file. [default: DIR/payments.jsonl]"
)
@click.option("--seed", type=int, default=1, show_default=True, help="Varies customers, amounts, order and faults.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(*, directory: Path, sink: Path | None, seed: int, as_json: bool) -> None:
    """Work through a support inbox, first in a plain tool loop, then through the gate, killed in the middle.

    May be killed at any moment and started again with the same arguments: it goes on where the ledger says it was.
    """
    place = Place(folder=directory, sink=sink or directory / "payments.jsonl", seed=seed)
    screen = Screen(quiet=as_json)
    with _only_one(directory):
        inbox = make_inbox(seed)
        chosen = chosen_model(os.environ)
        screen.opening(inbox, model=chosen.name, scripted=chosen.provider is None)
        # A provider belongs to the event loop it is first asked in: the plain loop gets one of its own.
        other = chosen_model(os.environ).provider or scripted(inbox)
        plain = run_plain_loop(inbox, folder=directory / "plain", provider=other, model=chosen.name)
        screen.plain(plain)
        with open_office(place, provider=chosen.provider, model=chosen.name) as office, Crew(office) as crew:
            story.submit_inbox(office)
            crew.work(screen.progress)
            carried = story.carry_one(office)
            crew.work(screen.progress)
            exported = story.export(office)
            verified = story.check(office, exported)
            figures = tally(office, plain, verified=isinstance(verified, Verified))
            screen.gate(office, figures)
            screen.people(office, carried=carried, held=story.holds(office))
            screen.changes(story.what_if(office, threshold="10"))
            screen.ledger(exported, verified=verified, changed=story.check_with_one_byte_changed(office, exported))
            screen.report(story.report(office, carried))
        summary = canonical(figures.to_json())
        write_whole(directory / "summary.json", f"{summary}\n".encode())
    screen.closing(directory / "summary.json", summary)


@contextmanager
def _only_one(directory: Path) -> Generator[None, None, None]:
    """Holds the folder for this process; waits a moment for one that is just dying."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"{directory}: {error.strerror}; expected a folder that can be written to") from None
    try:
        until = time.monotonic() + _LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Conflict(f"another demo runs in {directory}; wait for it, or use another --dir") from None
                time.sleep(0.1)
        yield
    finally:
        os.close(file)

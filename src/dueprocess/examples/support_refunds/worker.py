"""The worker process of the demo: drives the inbox's runs until its pipe closes. `python -m dueprocess.examples.support_refunds.worker`.

Rule 1. It ends when its standard input ends: a demo that was killed leaves no worker behind.
Rule 2. It may be killed at any moment; the next one goes on from the ledger.
"""

import argparse
import os
import sys
import threading
from pathlib import Path

from dueprocess.examples.support_refunds.model import chosen_model
from dueprocess.examples.support_refunds.office import Place, open_office


def main() -> None:
    """Works until the pipe closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--sink", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args()
    threading.Thread(target=_end_with_the_pipe, daemon=True).start()
    place = Place(folder=given.dir, sink=given.sink, seed=given.seed)
    chosen = chosen_model(os.environ)
    with open_office(place, provider=chosen.provider, model=chosen.name) as office:
        office.engine().run_worker()


def _end_with_the_pipe() -> None:
    sys.stdin.buffer.read()
    # At once and without ceremony: whatever is under way is in the ledger, and the next worker settles it.
    os._exit(0)


if __name__ == "__main__":
    main()

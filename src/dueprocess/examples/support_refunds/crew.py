"""The worker process beside the demo: started, watched, started again when it dies. What it does is in `worker`."""

import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from dueprocess.errors import Defect
from dueprocess.examples.support_refunds.office import Office
from dueprocess.examples.support_refunds.tally import Standing, standings

_LOOK_S: Final = 0.05
_MAX_STARTS: Final = 30  # a worker that dies this often is broken, not killed
_PATIENCE_S: Final = 120.0


class Crew:
    """One worker at a time, in this process's group, ending with this process's pipe."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._worker: subprocess.Popen[bytes] | None = None
        self.deaths = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def work(self, on_progress: Callable[[tuple[Standing, ...], int], None]) -> None:
        """Has the worker drive every due run, until none of them moves any more.

        Raises:
            Defect: the worker keeps dying, or the runs do not come to rest.
        """
        until = time.monotonic() + _PATIENCE_S
        while True:
            stood = standings(self._office)
            on_progress(stood, self.deaths)
            if all(standing.settled for standing in stood):
                return
            if time.monotonic() > until:
                raise Defect(f"after {_PATIENCE_S:g} s there are runs that have not come to rest")
            self._keep_one()
            time.sleep(_LOOK_S)

    def _keep_one(self) -> None:
        if self._worker is not None and self._worker.poll() is None:
            return
        if self._worker is not None:
            self.deaths += 1
        if self.deaths > _MAX_STARTS:
            raise Defect(f"the worker died {self.deaths} times; run it by hand to see why: {' '.join(self._command())}")
        self._worker = subprocess.Popen(self._command(), stdin=subprocess.PIPE)  # noqa: S603 - our own module

    def _command(self) -> list[str]:
        place = self._office.place
        return [
            sys.executable,
            "-m",
            "dueprocess.examples.support_refunds.worker",
            "--dir",
            str(place.folder),
            "--sink",
            str(place.sink),
            "--seed",
            str(place.seed),
        ]

    def _end(self) -> None:
        if self._worker is None or self._worker.stdin is None:
            return
        self._worker.stdin.close()
        self._worker.wait()

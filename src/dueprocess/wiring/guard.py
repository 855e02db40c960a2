"""`guard`: one function, governed, in a program that runs its own loop. The seam that every integration stands on."""

import asyncio
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from dueprocess.errors import BadValue, CallerError, Conflict, LeaseLost, ToolInvalid
from dueprocess.release import Manifest
from dueprocess.runtime import Governed, Loop, Performed, Shell, Task, introduce, loaded, submit
from dueprocess.runtime.compensate import compensate
from dueprocess.tool import Tool
from dueprocess.values import RunId
from dueprocess.wiring.clock import SystemClock
from dueprocess.wiring.home import Home, open_home
from dueprocess.wiring.project import DEFAULT_TENANT

_NO_MODEL: Final = "none"  # the caller's loop asks its own model; the manifest says that this run asks none


class Guarded:
    """A tool behind the gate. Calling it decides, holds, dispatches and records; every end comes back as a value.

    Match on `SucceededCall`, `ReusedCall`, `DeniedCall`, `HeldCall`, `FailedCall`, `UnknownCall`.
    """

    def __init__(
        self,
        tool: Tool,
        governed: Governed,
        *,
        tools: Mapping[str, Tool],
        leave: Callable[[], None],
        free: Callable[[], None],
        take_back: Callable[[str, str], Performed],
    ) -> None:
        self._tool = tool
        self._governed = governed
        self._tools = tools
        self._take_back = take_back
        self._leave = leave
        self._free = free
        self._closed = False

    def __call__(self, /, *args: object, **kwargs: object) -> Performed:
        """Takes one call through the gate. Arguments are bound to names by the tool's own signature before they are decided.

        Arguments that do not bind to the signature, or are not JSON, are denied, and that is recorded.

        Raises:
            BackendError: the store failed; nothing was dispatched, or the outcome is settled when the run is opened again.
        """
        try:
            arguments = self._tool.bind_positional(args, kwargs)
        except BadValue as error:
            return self._governed.refuse(self._tool.name, str(error))
        return self._governed.call(self._tool.name, arguments)

    async def acall(self, arguments: Mapping[str, object]) -> Performed:
        """The same from a running event loop, which is not blocked meanwhile; arguments by name."""
        return await asyncio.to_thread(self, **arguments)

    def beside(self, tool: Tool) -> "Guarded":
        """Another of the run's tools (those named `beside` when it was opened), in the same run: what one reads taints what the other does.

        Raises:
            ToolInvalid: the run was not opened with this tool.
        """
        if self._tools.get(tool.name) is not tool:
            known = ", ".join(sorted(self._tools))
            raise ToolInvalid(
                f"{tool.name!a} is none of the tools of this run; expected one of {known}: name it `beside`"
            )
        return Guarded(
            tool, self._governed, tools=self._tools, leave=self._leave, free=self._free, take_back=self._take_back
        )

    def heard(self, text: str) -> None:
        """Records what the requester said further: their own words may vouch for what directs an effect."""
        self._governed.tell(text, source="")

    def saw(self, text: str, *, source: str) -> None:
        """Records what the model was shown that no call of this run brought: a page, a mail, another tool's answer.

        `source` is labelled by the policy's `sources`; what it does not name is untrusted. What is not told here is not known
        here: a policy can only ask where values come from as far as the program says what its model has read.

        Raises:
            BadValue: no source is named.
        """
        if not source:
            raise BadValue("saw() without a source; expected where the text comes from, as in the policy's `sources`")
        self._governed.tell(text, source=source)

    def resume(self, action: str) -> Performed:
        """Goes on with an action of this run: runs it once people approved it, asks the sink if its outcome was lost.

        Raises:
            NotFound: no such action in this run.
        """
        return self._governed.resume(action)

    def compensate(self, action: str, *, on_behalf_of: str) -> Performed:
        """Takes the effect of an action back with the tool's `compensate`, for this person, who may not approve it.

        A new action in a run of its own, decided as `TOOL.compensate`. Asking again goes on with it; no effect is taken back twice.

        Raises:
            NotFound: no such action of this agent and tool. ToolInvalid: the tool has no compensate.
            Conflict: there is no known effect to take back, or it was erased.
        """
        return self._take_back(action, on_behalf_of)

    @property
    def run(self) -> RunId:
        """The run that the calls stand in; `due audit report --run` tells its story."""
        return self._governed.run

    def finish(self) -> None:
        """Ends the run for good: what is still held is cancelled with it, and no call can follow."""
        self._governed.close()

    def close(self) -> None:
        """Frees files and threads. A named run stays open: the same name goes on with it. One without a name ends with it.

        Nobody could go on with that one, so that what is held in it is cancelled, and nobody is asked in vain. Where a call
        of another thread may still be under way the run is left as it is: `due doctor` finds it. Again is no change.
        """
        if self._closed:
            return
        self._closed = True
        try:
            # Conflict: a call is under way. LeaseLost: the run was ended, or opened elsewhere.
            with suppress(Conflict, LeaseLost):
                self._leave()
        finally:
            self._free()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def guard(
    tool: Tool,
    *,
    policy: str | Path,
    store: str | Path | Home,
    run: str = "",
    task: str = "",
    scope: Sequence[str] | None = None,
    agent: str = "guard",
    on_behalf_of: str = "",
    environment: str = "prod",
    tenant: str = DEFAULT_TENANT,
    beside: Sequence[Tool] = (),
) -> Guarded:
    """Puts a tool behind the gate.

    `guarded(...)` decides the call under the policy, holds it for people where it must be, dispatches it once, and records
    all of it in the store.

    `policy`: a policy file. `store`: a folder, made if missing, or a `Home` that several guards share.
    `run`: a name that opens the same run again, in another process too (the earlier owner is fenced);
    without one each `guard` is a run of its own, with the policy's limits, that ends when it is closed.
    `task`: what the requester asked for, in their own words, and `scope`: the tools that it may need; both count when the run
    is begun. `on_behalf_of`: `user:NAME`. `tenant`: whose run it is. `beside`: the other tools that the policy file names.

    Raises:
        FileInvalid: the policy does not load with these tools. StoreUnavailable: the folder cannot be used.
        Conflict: the run has ended.
    """
    tools = {each.name: each for each in (tool, *beside)}
    release = loaded(_manifest(tools, Path(policy), agent=agent, environment=environment))
    home = store if isinstance(store, Home) else open_home(Path(store), os.environ)
    loop = Loop()

    def free() -> None:
        loop.close()
        if not isinstance(store, Home):
            home.store.close()

    shell = Shell(store=home.store, clock=SystemClock(), loop=loop, tools=tools, tenant=tenant)
    try:
        introduce(shell, release)
        asked = Task(
            text=task or f"guard {tool.name}",
            key=run or secrets.token_hex(16),
            on_behalf_of=on_behalf_of,
            scope=tuple(scope) if scope is not None else None,
        )
        opened = submit(shell, release, task=asked, queue="")
        governed = Governed(shell, release, opened, on_behalf_of=on_behalf_of)
    except BaseException:
        free()
        raise
    return Guarded(
        tool,
        governed,
        tools=tools,
        leave=governed.rest if run else governed.close,
        free=free,
        take_back=lambda action, who: compensate(shell, {agent: release}, action, on_behalf_of=who).performed,
    )


def _manifest(tools: Mapping[str, Tool], policy: Path, *, agent: str, environment: str) -> Manifest:
    return Manifest(
        agent=agent,
        prompt="",
        model=_NO_MODEL,
        max_output_tokens=1,
        tools=tuple(each.spec for each in tools.values()),
        policy=_read(policy),
        policy_name=policy.name,
        environment=environment,
    )


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise CallerError(f"the policy {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CallerError(f"the policy {path} is not UTF-8: byte {error.start}") from None

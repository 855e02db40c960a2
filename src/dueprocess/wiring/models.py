"""The models of a project behind one port: scripts of its own, and a server for all others. Which are asked is the release's matter.

Rule 1. A scripted model is named `scripted:PLACE:NAME`; it costs nothing unless the project file prices it.
Rule 2. A model that nobody here answers for has no price: the gate does not admit it, and says so (I6).
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final, cast

from dueprocess.errors import BadValue, ModelRefused
from dueprocess.model import ModelReply, ModelRequest, Price, Provider
from dueprocess.providers import PydanticAi, Scripted
from dueprocess.providers.scripted import Script
from dueprocess.values import ZERO
from dueprocess.wiring.code import Modules
from dueprocess.wiring.settings import KEY_VARIABLE, URL_VARIABLE, Settings

SCRIPTED: Final = "scripted:"
_FREE: Final = Price(input=ZERO, output=ZERO)


class Models:
    """A provider of several: each question goes to the one that knows its model."""

    def __init__(self, scripts: Mapping[str, Provider], server: Provider | None) -> None:
        self._scripts = scripts
        self._server = server

    async def request(self, request: ModelRequest, *, run: str, turn: int) -> ModelReply:
        """Asks the one provider of this model."""
        provider = self._of(request.model)
        if provider is None:
            raise ModelRefused(f"nobody here answers for the model {request.model[:80]!a}", may_have_run=False)
        return await provider.request(request, run=run, turn=turn)

    def price(self, model: str) -> Price | None:
        """The price its provider knows."""
        provider = self._of(model)
        return None if provider is None else provider.price(model)

    async def close(self) -> None:
        """Closes them all."""
        for provider in (*self._scripts.values(), *([self._server] if self._server is not None else [])):
            await provider.close()

    def _of(self, model: str) -> Provider | None:
        return self._scripts.get(model) if model.startswith(SCRIPTED) else self._server


def models(
    names: Iterable[str],
    *,
    older: Iterable[str] = (),
    modules: Modules,
    settings: Settings,
    prices: Mapping[str, Price],
) -> Models:
    """The provider of these models, and of those `older` ones that can still be had (rule 2).

    Raises:
        BadValue: a script cannot be loaded, or a server is needed and the environment names none.
        CallerError: the package that asks servers is not installed.
    """
    present, before = tuple(dict.fromkeys(names)), tuple(older)
    scripts = {name: _script(name, modules, prices) for name in present if name.startswith(SCRIPTED)}
    for name in before:
        if name.startswith(SCRIPTED) and name not in scripts:
            with suppress(BadValue):
                scripts[name] = _script(name, modules, prices)
    real = tuple(name for name in present if not name.startswith(SCRIPTED))
    if not real and (settings.api_key or settings.base_url):
        real = tuple(name for name in before if not name.startswith(SCRIPTED))
    return Models(scripts, _server(real, settings, prices) if real else None)


def _script(name: str, modules: Modules, prices: Mapping[str, Price]) -> Provider:
    found = modules.named(name.removeprefix(SCRIPTED))
    if not callable(found):
        raise BadValue(f"{name} is not a function; expected one of (request, run, turn) that returns a Line")
    return Scripted(cast("Script", found), price=prices.get(name, _FREE), models=(name,), reported=name)


def _server(names: tuple[str, ...], settings: Settings, prices: Mapping[str, Price]) -> Provider:
    if not settings.api_key and not settings.base_url:
        raise BadValue(
            f"the model {names[0]} needs a server: set {KEY_VARIABLE} for OpenAI, or {URL_VARIABLE} for any other; "
            "without a network use a script: model: scripted:offline.py:script"
        )
    given = {**prices, **(dict.fromkeys(names, settings.price) if settings.price is not None else {})}
    if settings.base_url:
        return PydanticAi(base_url=settings.base_url, api_key=settings.api_key or None, prices=given)
    return PydanticAi(api_key=settings.api_key, prices=given)

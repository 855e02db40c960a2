"""A fake model server on the loopback interface that answers as it is told, badly too. It runs no model.

It speaks as much of the OpenAI chat completions protocol as a client needs, and keeps all that it was asked.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import TracebackType
from typing import Any, Final, Self, cast

REPORTED: Final = "loopback-1"
"""The model name that the server reports, whatever it was asked for."""

_MISSING: Final = 64  # bytes that a cut answer announces and never sends
_TRICKLE_S: Final = 0.05
_POLL_S: Final = 0.02  # how soon it notices that it shall stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question as it came over the wire: the client's port, header names in lower case, the JSON of the body."""

    port: int
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server does with a question.

    `cut`: it announces more bytes than it sends, then closes. `silent`: it never answers. `trickles`: it sends a byte
    now and then, for ever.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    cut: bool = False
    silent: bool = False
    trickles: bool = False


def completion(
    text: str | None = "Hello.",
    *,
    calls: tuple[tuple[str, str, str], ...] = (),
    finish: str | None = "stop",
    usage: dict[str, Any] | None = None,
    model: str = REPORTED,
) -> dict[str, Any]:
    """The JSON of a good answer. `calls` are triples of id, tool name and arguments text."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {"id": known_as, "type": "function", "function": {"name": name, "arguments": arguments}}
            for known_as, name, arguments in calls
        ]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": usage or {"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24},
    }


def answering(body: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """An answer with this JSON as its body."""
    return Answer(status=status, body=json.dumps(body).encode(), headers=headers or {})


class ModelServer:
    """The server, from `with` to its end. `asked` grows by each question; `answer` may be replaced at any time."""

    def __init__(self, answer: Callable[[Asked], Answer] | Answer) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.stopping = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def decide(self, asked: Asked) -> Answer:
        """Keeps the question and returns what to do with it."""
        self.asked.append(asked)
        return self.answer if isinstance(self.answer, Answer) else self.answer(asked)


class _Server(ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128  # many clients may knock at once

    def __init__(self, owner: ModelServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Says nothing: what was asked is in `asked`."""

    def do_POST(self) -> None:
        owner = cast("_Server", self.server).owner
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = owner.decide(
            Asked(port=self.client_address[1], path=self.path, headers=headers, body=json.loads(raw), raw=raw)
        )
        if answer.silent:
            owner.stopping.wait()
            self.close_connection = True
            return
        try:
            self._send(answer, owner)
        except OSError:
            # The client has gone away, which is what some of the tests are about.
            self.close_connection = True

    def _send(self, answer: Answer, owner: ModelServer) -> None:
        endless = 10**6 if answer.trickles else 0
        self.send_response(answer.status)
        for name, value in {"content-type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body) + (_MISSING if answer.cut else 0) + endless))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()
        while answer.trickles and not owner.stopping.wait(_TRICKLE_S):
            self.wfile.write(b" ")
        if answer.cut or answer.trickles:
            self.close_connection = True

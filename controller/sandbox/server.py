"""HTTP/1.1 on 127.0.0.1: one thread per kept-alive connection, bytes in, an Answer out. Knows nothing of AWS."""

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import BaseRequestHandler, TCPServer, ThreadingMixIn
from typing import Any

from controller.sandbox.wire import Answer, HttpRequest

Answerer = Callable[[HttpRequest], Answer | None]
"""Answers one request; None closes the connection without an answer."""


class LocalServer:
    """Serves from construction until `stop()`, which ends every connection and joins every thread."""

    def __init__(self, port: int, answer: Answerer) -> None:
        self._server = _Server(("127.0.0.1", port), _Connection, answer)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="sandbox", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self._server.socket.getsockname()
        return f"http://{host}:{port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.end_connections()
        self._server.server_close()


class _Server(ThreadingMixIn, TCPServer):
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseRequestHandler], answer: Answerer) -> None:
        self.answer = answer
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """Wake every thread that waits for its client's next request."""
        with self._lock:
            for connection in self._connections:
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news, and the log of a demo is no place for it."""


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536  # an answer leaves in one packet

    def handle_expect_100(self) -> bool:
        """botocore sends S3 bodies with Expect: 100-continue and waits a second for the go-ahead."""
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()
        return True

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.answer(HttpRequest(self.command, path, query, headers, self._body()))
        if answer is None:
            self.close_connection = True
            return
        self._send(answer)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = do_OPTIONS = _answer

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def _send(self, answer: Answer) -> None:
        phrase = self.responses.get(answer.status, ("",))[0]
        lines = [f"HTTP/1.1 {answer.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() != "content-length"]
        if answer.status >= 200 and answer.status != 204:
            length = self._announced_length(answer) if self.command == "HEAD" else len(answer.body)
            lines.append(f"Content-Length: {length}")
        body = b"" if self.command == "HEAD" or answer.status == 204 else answer.body
        self.wfile.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    @staticmethod
    def _announced_length(answer: Answer) -> int:
        """HEAD of an S3 object says the object's length and has no body."""
        return next((int(v) for n, v in answer.headers if n.lower() == "content-length"), 0)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are recorded by the sandbox, not printed."""

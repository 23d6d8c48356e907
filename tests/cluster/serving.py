"""aiohttp on 127.0.0.1, in a thread with an event loop of its own. Knows nothing of Kubernetes."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from aiohttp import web

T = TypeVar("T")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
BODY_LIMIT = 3 * 1024**2
_IDLE = 3600.0


class Serving:
    """Serves from construction until `stop`, which ends every connection and joins the thread. Port 0 is any free."""

    def __init__(self, handler: Handler, port: int = 0) -> None:
        self._reserved = _reserved(port)
        self.port: int = self._reserved.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cluster", daemon=True)
        self._thread.start()
        self._runner = self._run(self._started(handler))

    def stop(self) -> None:
        self.refuse()
        self._run(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._reserved.close()

    def refuse(self) -> None:
        """Cut every connection and refuse new ones."""
        self._run(self._refuse())

    def accept(self) -> None:
        """Listen again on the same port."""
        if not self._runner.sites:
            self._run(self._listen(self._runner))

    def call(self, work: Callable[[], T]) -> T:
        """Do this in the thread that serves, between two requests."""
        done: Future[T] = Future()

        def work_there() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # noqa: BLE001 -- it is raised in the caller's thread
                done.set_exception(error)

        self._loop.call_soon_threadsafe(work_there)
        return done.result()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _started(self, handler: Handler) -> web.ServerRunner:
        server = web.Server(
            handler, request_factory=_request, handler_cancellation=True, access_log=None, keepalive_timeout=_IDLE
        )
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0)
        await runner.setup()
        await self._listen(runner)
        return runner

    async def _listen(self, runner: web.ServerRunner) -> None:
        await web.TCPSite(runner, "127.0.0.1", self.port, reuse_port=True, backlog=4096).start()

    async def _refuse(self) -> None:
        for site in tuple(self._runner.sites):
            await site.stop()
        assert self._runner.server
        for connection in self._runner.server.connections:
            if connection.transport:
                connection.transport.abort()


def cut(request: web.BaseRequest) -> None:
    """End the connection of a request at once, without an answer."""
    if request.transport:
        request.transport.abort()


def _reserved(port: int) -> socket.socket:
    """A socket that holds the port and never listens, so that nobody else takes it while the server refuses."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", port))
    return reserved


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=BODY_LIMIT)

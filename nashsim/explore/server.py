"""The server of the page, on this machine alone."""

from __future__ import annotations

import signal
import socket
import webbrowser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import Server

from ..errors import NashsimError
from ..progress import waiting
from .answers import answer, own_scores, regrets
from .page import Page
from .settings import Settings
from .sources import Sources

#: The only address that is listened at.
ADDRESS = "127.0.0.1"


def serve(
    sources: Sources, defaults: Settings, port: int, ready: Callable[[str], None], browser: bool = True
) -> None:
    """Serve the page until the process is interrupted.

    Parameters
    ----------
    sources : Sources
    defaults : Settings
        What the page shows first.
    port : int
        Port of this machine; 0 takes a free one.
    ready : callable
        Called with the address once the page is there.
    browser : bool
        Whether to open the page in the browser.

    Raises
    ------
    NashsimError
        If the port is taken.
    """
    with waiting("compiling kernels, once on a machine"):
        _compile(sources, defaults)
    pool = ThreadPoolExecutor(1)

    def make(document: Document) -> None:
        Page(document, sources, defaults, document.session_context.request.arguments, pool)

    port = port or _free_port()
    # A page of another origin may load this address, but is refused the connection that answers.
    try:
        server = Server(
            {"/": Application(FunctionHandler(make))},
            address=ADDRESS,
            port=port,
            allow_websocket_origin=[f"{ADDRESS}:{port}", f"localhost:{port}"],
            websocket_max_message_size=48 * 2**20,
        )
    except OSError:
        raise NashsimError(
            f"port: {port} is taken; choose another by --port N, or 0 for any that is free"
        ) from None
    url = f"http://{ADDRESS}:{port}/"
    server.start()
    ready(url)
    if browser:
        webbrowser.open(url)
    signal.signal(signal.SIGTERM, lambda *_: server.io_loop.add_callback(server.io_loop.stop))
    try:
        server.io_loop.start()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()
        pool.shutdown(cancel_futures=True, wait=False)


def _compile(sources: Sources, defaults: Settings) -> None:
    # Kernels are compiled on the first run on a machine: before the page is there rather than under a slider.
    opened = sources.open(defaults)
    found = answer(opened, own_scores(opened), defaults)
    regrets(found.game, Settings(learners=defaults.learners, rounds=100), lambda: True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]

"""A line between a process and a service that can be cut, or made slow."""

import contextlib
import socket
import threading
import time

from tests.faults.processes import free_port


class Proxy:
    """Forwards TCP connections to `target` on this machine; `port` is where it listens."""

    def __init__(self, target: int) -> None:
        self.target, self.port = target, free_port()
        # Seconds every piece of an answer is held back.
        self.delay = 0.0
        self._open = True
        self._pairs: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", self.port), backlog=100)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if not self._open:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._guard:
                self._pairs |= {client, server}
            for source, sink, slow in ((client, server, False), (server, client, True)):
                threading.Thread(
                    target=self._forward, args=(source, sink, slow), daemon=True
                ).start()

    def _forward(self, source: socket.socket, sink: socket.socket, slow: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if slow and self.delay:
                    time.sleep(self.delay)
                sink.sendall(piece)
        self._close(source, sink)

    def _close(self, *ends: socket.socket) -> None:
        with self._guard:
            self._pairs -= set(ends)
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut(self) -> None:
        """Every connection is gone and no new one is made."""
        self._open = False
        with self._guard:
            pairs = list(self._pairs)
        self._close(*pairs)

    def mend(self) -> None:
        self._open = True

    def stop(self) -> None:
        self._server.close()
        self.cut()

"""A server that answers like Redis 6.2. No such server can be installed beside the current one."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

VERSION = "6.2.14"


@contextmanager
def old_redis() -> Iterator[str]:
    """Yield the URL of the server. It answers PING and INFO, and OK to all other commands."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        finally:
            server.shutdown()
            thread.join()


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while line := self.rfile.readline():
            words = [self._read_word() for _ in range(int(line[1:]))]
            self.wfile.write(_answer(words[0].upper()))

    def _read_word(self) -> bytes:
        length = int(self.rfile.readline()[1:])
        return self.rfile.read(length + 2)[:length]


def _answer(command: bytes) -> bytes:
    if command == b"PING":
        return b"+PONG\r\n"
    if command == b"INFO":
        text = f"# Server\r\nredis_version:{VERSION}\r\n".encode()
        return b"$%d\r\n%b\r\n" % (len(text), text)
    return b"+OK\r\n"

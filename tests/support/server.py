"""A local HTTP server that behaves well or badly, for tests of downloads."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Served:
    """One file and how it is served.

    `cuts`: after how many bytes the first, second, ... answer breaks off (None: not at all; the last one
    holds for all later answers); `statuses`: status of the first, second, ... answer, then 200.
    """

    content: bytes
    cuts: list = field(default_factory=list)
    statuses: list = field(default_factory=list)
    ranges: bool = True
    etag: str | None = '"1"'
    chunked: bool = False
    delay: float = 0.0
    headers: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)  # the Range header of every request


class Server:
    """The files of a server by their path, e.g. ``/geo/a.csv.gz``; anything else is not found."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.url = ""

    def serve(self, path: str, content: bytes, **how) -> Served:
        self.files[path] = Served(content, **how)
        return self.files[path]


@contextmanager
def running() -> Iterator[Server]:
    """A server on a free port of this machine, while the block lasts."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served = server.files.get(self.path)
            if served is None:
                self.send_error(404)
                return
            number = len(served.asked)
            served.asked.append(self.headers.get("Range"))
            if number < len(served.statuses) and served.statuses[number] != 200:
                self.send_response(served.statuses[number])
                self.send_header("Content-Length", "0")
                self.give_headers(served)
                return
            if served.delay:
                time.sleep(served.delay)
            self.answer(served, number)

        def answer(self, served: Served, number: int) -> None:
            start, size = self.start(served), len(served.content)
            if start and start >= size:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.give_headers(served)
                return
            body = served.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            if served.etag:
                self.send_header("ETag", served.etag)
            if served.chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(len(body)))
            self.give_headers(served)
            cut = served.cuts[min(number, len(served.cuts) - 1)] if served.cuts else None
            sent = body if cut is None else body[:cut]
            if served.chunked:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(sent), sent))
                if cut is None:
                    self.wfile.write(b"0\r\n\r\n")
            else:
                self.wfile.write(sent)
            if cut is not None:
                self.close_connection = True

        def start(self, served: Served) -> int:
            asked = self.headers.get("Range")
            same = self.headers.get("If-Range") in (None, served.etag)
            return int(asked.removeprefix("bytes=").rstrip("-")) if asked and served.ranges and same else 0

        def give_headers(self, served: Served) -> None:
            for name, value in served.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()

"""Text files as bytes: unpacked where they are gzipped, in whole lines, the next piece read ahead."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import UserError

AGAIN = "Copy or download it again."
GZIP = b"\x1f\x8b"
PADDING = 5  # zeros; the length at the end of a gzip file has at most four
PIECE = 1 << 21  # bytes of text at a time: measured best of 128 kB to 8 MB
LONGEST_LINE = 1 << 28  # bytes; a matrix of a million cells has shorter ones


@dataclass(frozen=True)
class Source:
    """A file on disk or in an archive: the name for messages, and how to open its bytes."""

    name: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]


def on_disk(path: Path) -> Source:
    """The file `path` as a source."""
    return Source(str(path), lambda: path.open("rb"))


@contextmanager
def unpacked(source: Source) -> Iterator[Any]:
    """An arrow stream of the text of `source`, unpacked where its first bytes say gzip."""
    import pyarrow as pa

    with translated(source.name), source.open() as file:
        packed = file.read(len(GZIP)) == GZIP
        file.seek(0)
        if packed and _padded(file):  # arrow takes the zeros for another gzip member
            yield pa.PythonFile(gzip.GzipFile(fileobj=file), mode="r")
            return
        raw = pa.PythonFile(file, mode="r")
        yield pa.CompressedInputStream(raw, "gzip") if packed else raw


def _padded(file: IO[bytes]) -> bool:
    """Whether a file ends with more zeros than a gzip trailer has, as tapes and some disks leave them."""
    try:
        file.seek(-PADDING, 2)
        end = file.read(PADDING)
    except (OSError, ValueError):  # shorter than that, or not to be searched
        end = b""
    file.seek(0)
    return len(end) == PADDING and not any(end)


def head(source: Source, size: int) -> bytes:
    """The first `size` bytes of the text of `source`, or fewer where it is shorter."""
    with unpacked(source) as stream:
        return stream.read(size)


def whole(source: Source) -> bytes:
    """All of the text of `source`, without a byte-order mark."""
    with unpacked(source) as stream:
        return stream.read().removeprefix(b"\xef\xbb\xbf")


def pieces(source: Source, *, longest: int = LONGEST_LINE) -> Iterator[bytes]:
    """Yield the text of `source` in pieces of about `PIECE` bytes that end with a line's end.

    While a piece is used, a second thread unpacks the next one: both take about the same time. Raises
    UserError for a line of more than `longest` bytes.
    """
    with unpacked(source) as stream, ThreadPoolExecutor(max_workers=1) as second:
        rest = b""
        ahead = second.submit(stream.read, PIECE)
        while piece := ahead.result():
            ahead = second.submit(stream.read, PIECE)
            end = piece.rfind(b"\n") + 1
            if end:
                yield b"".join((rest, memoryview(piece)[:end]))
                rest = piece[end:]
            else:
                rest += piece
            if len(rest) > longest:
                msg = f"{source.name}: a line of more than {longest:,} bytes: no text in lines. {AGAIN}"
                raise UserError(msg)
        if rest:
            yield rest


class translated:
    """Turn what a damaged file makes the libraries raise into a sentence."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        import zlib

        import pyarrow as pa

        if isinstance(error, FileNotFoundError | PermissionError):
            msg = f"{self.name}: cannot be read ({error.strerror}). Check the path and its permissions."
            raise UserError(msg) from error
        if isinstance(error, EOFError | OSError | zlib.error):
            msg = f"{self.name}: the gzip file is cut short or damaged ({first_line(error)}). {AGAIN}"
            raise UserError(msg) from error
        if isinstance(error, pa.ArrowInvalid | UnicodeDecodeError):
            msg = f"{self.name}: not readable as text in columns ({first_line(error)}). {AGAIN}"
            raise UserError(msg) from error


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its kind where it has none."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__

"""Ask for a file by its address; sort what goes wrong into what the user mends and what passes by itself."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from .. import __version__
from ..errors import UserError

AGAIN = (408, 425, 429, 500, 502, 503, 504)  # the server may do better in a while
GONE = (404, 410)
BEYOND_THE_END = 416


class BrokenOff(Exception):
    """The transfer did not end well, and another try may.

    `wait`: how long the server asks to wait (seconds); `afresh`: that what has arrived is of no use.
    """

    def __init__(self, why: str, *, wait: float = 0.0, afresh: bool = False) -> None:
        super().__init__(why)
        self.wait, self.afresh = wait, afresh


def ask(source: str, *, start: int = 0, validator: str | None = None, timeout: float) -> Any:
    """The server's answer for the file at `source`, from byte `start` on where it still has this `validator`.

    Raises BrokenOff where waiting may help, UserError where it won't.
    """
    headers = {"User-Agent": f"carpeak/{__version__}", "Accept-Encoding": "identity"}
    if start and validator:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    host = urlsplit(source).netloc or source
    try:
        return urllib.request.urlopen(urllib.request.Request(source, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        raise _refused(source, error) from None
    except http.client.InvalidURL as error:
        msg = f"{source}: not a valid address ({error}). Correct the column url; a blank is written %20."
        raise UserError(msg) from None
    except urllib.error.URLError as error:
        raise _unreachable(source, host, error.reason) from None
    except (OSError, http.client.HTTPException) as error:
        msg = f"{host} can't be reached ({error or type(error).__name__})"
        raise BrokenOff(msg) from None


def _refused(source: str, error: urllib.error.HTTPError) -> Exception:
    if error.code in (*AGAIN, BEYOND_THE_END):
        wait = error.headers.get("Retry-After") or ""
        return BrokenOff(
            f"the server answers {error.code} ({error.reason})",
            wait=float(wait) if wait.isdigit() else 0.0,
            afresh=error.code == BEYOND_THE_END,
        )
    if error.code in GONE:
        return UserError(
            f"{source}: not found ({error.code}). The file was moved or renamed, or the address is misspelt: "
            "open its folder in a browser and correct the column url. If you have the file, name its folder "
            "in download.mirror."
        )
    return UserError(
        f"{source}: refused ({error.code} {error.reason}). The file may need a log-in, or a proxy forbids "
        "it: fetch it in a browser and name its folder in download.mirror."
    )


def _unreachable(source: str, host: str, reason: Any) -> Exception:
    if urlsplit(source).scheme == "file":
        return UserError(f"{source}: no such file. Correct the column url, or the folder in download.mirror.")
    if isinstance(reason, ssl.SSLCertVerificationError):
        return UserError(
            f"{source}: the certificate of {host} is not trusted ({reason.verify_message}). Behind a proxy "
            "that opens connections, set SSL_CERT_FILE to its certificate."
        )
    return BrokenOff(f"{host} can't be reached ({reason})")


def first_byte(answer: Any) -> int:
    """Where the answer begins in the file: ``Content-Range: bytes 100-199/200``, else at 0."""
    if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0
    try:
        return int(answer.headers["Content-Range"].split()[1].split("-")[0])
    except (AttributeError, IndexError, TypeError, ValueError):
        msg = f"the server sends a piece without saying which ({answer.headers.get('Content-Range')!r})"
        raise BrokenOff(msg) from None


def length(answer: Any) -> int | None:
    """Bytes that the answer will have, where the server says so."""
    text = answer.headers.get("Content-Length")
    return int(text) if text and text.isdigit() else None


def validator(answer: Any) -> str | None:
    """What tells this version of the file from another: a strong ETag, else the date."""
    etag: str | None = answer.headers.get("ETag")
    if etag and not etag.startswith("W/"):  # a weak one promises no equal bytes
        return etag
    date: str | None = answer.headers.get("Last-Modified")
    return date


def read(answer: Any, size: int) -> bytes:
    """Up to `size` bytes of the answer; none at its end."""
    try:
        data: bytes = answer.read(size)
    except (OSError, http.client.HTTPException) as error:
        msg = f"the connection broke ({error or type(error).__name__})"
        raise BrokenOff(msg) from None
    return data

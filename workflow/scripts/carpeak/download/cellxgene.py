"""The address of the h5ad file behind the page of a CELLxGENE Discover collection.

The files' addresses change with each version, the page's does not; the public curation API leads from one to
the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ..errors import UserError

API = "https://api.cellxgene.cziscience.com/curation/v1/collections/"
_PAGE = re.compile(
    r"^https://cellxgene\.cziscience\.com/collections/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/?$"
)


def collection(url: str) -> str | None:
    """The address that tells of the collection whose page is at `url`; None for any other address."""
    page = _PAGE.match(url)
    return API + page[1] if page else None


def h5ad_address(url: str, answer: bytes) -> str:
    """The address of the h5ad of the collection at `url`, from what the API says of it.

    Raises UserError where there is none, or several to choose from.
    """
    try:
        datasets: list[Any] = json.loads(answer)["datasets"]
        found = {
            asset["url"]: dataset["title"]
            for dataset in datasets
            for asset in dataset["assets"]
            if asset["filetype"] == "H5AD"
        }
    except (ValueError, KeyError, TypeError) as error:
        msg = (
            f"{url}: CELLxGENE describes this collection in an unknown way ({error!r}). Open the page, copy "
            "the address of the .h5ad, and put it into the column url."
        )
        raise UserError(msg) from error
    if len(found) == 1:
        return next(iter(found))
    listed = "".join(f"\n  - {title}: {address}" for address, title in found.items())
    msg = f"{url}: the collection holds {len(found)} h5ad files. Put the address of one into 'url'.{listed}"
    raise UserError(msg)


def resolve(url: str, read: Callable[[str], bytes]) -> str:
    """`url` itself, or the h5ad behind the page of a collection; `read` gets the content of an address."""
    about = collection(url)
    return url if about is None else h5ad_address(url, read(about))

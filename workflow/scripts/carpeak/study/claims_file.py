"""The claims file: reading it, and which gene sets and cells its claims speak of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError, listed
from . import config as configuration


def read(path: str | Path, schema_path: str | Path) -> list[dict[str, Any]]:
    """The claims of the file `path`, with defaults.

    Raises UserError that names the file, the claim and the key.
    """
    value = configuration.check(configuration.load_yaml(path), schema_path, source=str(path))
    schema = configuration.load_yaml(schema_path)["properties"]["claims"]["items"]
    claims: list[dict[str, Any]] = [configuration.with_defaults(claim, schema) for claim in value["claims"]]
    times = Counter(claim["id"] for claim in claims)
    wrong = [
        f"two claims are called '{name}': give each an id of its own" for name, n in times.items() if n > 1
    ]
    for claim in claims:
        quantity = claim["quantity"]
        if quantity.get("largest") and quantity["largest"] not in quantity.get("labels", []):
            wrong.append(f"claim {claim['id']}: largest, '{quantity['largest']}', is not among its labels")
        if quantity.get("over") and quantity["over"] == quantity.get("label"):
            wrong.append(f"claim {claim['id']}: label and over are the same, '{quantity['over']}'")
    if wrong:
        raise UserError(listed(path, wrong))
    return claims


def terms(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """Ids of the gene sets that claims speak of, sorted."""
    return sorted({claim["quantity"]["term"] for claim in claims if _on_term(claim)})


def genes(claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """Genes that claims speak of, in the order of the file."""
    return list(
        dict.fromkeys(c["quantity"]["gene"] for c in claims if c["quantity"]["kind"] == "gene_change")
    )


def groups(claims: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Population and group of every claim on a gene set, sorted, those it reports beside included."""
    return sorted(
        {
            (population, claim["quantity"]["group"])
            for claim in claims
            if _on_term(claim)
            for population in (claim["quantity"]["population"], *claim["quantity"]["also"])
        }
    )


def _on_term(claim: Mapping[str, Any]) -> bool:
    return bool(claim["quantity"]["kind"] == "term_change")

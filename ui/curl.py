"""The REST requests that repeat what a tab did, as lines for a shell with curl and base64.

Addresses begin with ``ORIGIN``; the page puts its own in its place.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ui.collection import Item
from ui.examples import shown_path

ORIGIN = "http://127.0.0.1:7860"
MAX_LITERALS = 40
"""Items written out; a longer collection is cut, and a comment says so."""


def embeddings(
    items: Sequence[Item], *, model: str, task: str, prompt_name: str, dim: int | None, late: bool = False
) -> str:
    """Vectors by ``POST /v1/embeddings``; ``late`` for vectors per token, which have a width of their own."""
    fields: dict[str, Any] = {"model": model, "task": task, "prompt_name": prompt_name}
    fields |= {"return_multivector": True} if late else {"dimensions": dim}
    # The page cuts what is too long, and says so; over REST that must be asked for.
    body = _object({**fields, "truncate": True}, {"input": items})
    return _comment(items) + _curl(f"{ORIGIN}/v1/embeddings", body)


def similarity(items: Sequence[Item], *, task: str, prompt_name: str, dim: int, metric: str) -> str:
    """The matrix by the named endpoint."""
    fields = {"task": task, "prompt_name": prompt_name, "dimensions": dim, "metric": metric}
    return _comment(items) + _named("similarity", _object(fields, {"inputs": items}))


def search(
    query: Item, items: Sequence[Item], *, task: str, prompt_name: str, dim: int, metric: str, limit: int
) -> str:
    """The ranking by the named endpoint."""
    fields = {"task": task, "prompt_name": prompt_name, "dimensions": dim, "metric": metric, "limit": limit}
    return _comment(items) + _named("search", _object(fields, {"query": query, "documents": items}))


def truncation_report(
    items: Sequence[Item], *, task: str, prompt_name: str, widths: Sequence[int], near: int
) -> str:
    """What each width keeps, by the named endpoint."""
    fields = {"task": task, "prompt_name": prompt_name, "dimensions": list(widths), "neighbours": near}
    return _comment(items) + _named("truncation_report", _object(fields, {"inputs": items}))


def _curl(address: str, body: str) -> str:
    # The here-document is expanded by the shell, so that a picture's file can be put into it.
    head = f"curl -sS {address} \\\n  -H 'Content-Type: application/json' --data-binary @- <<JSON\n"
    return f"{head}{body}\nJSON\n"


def _named(name: str, body: str) -> str:
    """A named endpoint is asked in two steps: the first gives a number, the second waits for the result."""
    path = f"{ORIGIN}/gradio_api/call"
    asked = _curl(f"{path}/v2/{name}", body).rstrip("\n")
    head, rest = asked.split(" <<JSON\n", 1)
    number = 'sed \'s/.*"event_id": *"\\([^"]*\\)".*/\\1/\''
    return f"id=$({head} <<JSON | {number}\n{rest}\n)\ncurl -sSN {path}/{name}/$id\n"


def _comment(items: Sequence[Item]) -> str:
    more = len(items) - MAX_LITERALS
    return f"# {more} more items were in the app: add them here\n" if more > 0 else ""


def _object(fields: Mapping[str, Any], inputs: Mapping[str, Item | Sequence[Item]]) -> str:
    """A JSON object over several lines, inputs last; escaped for a here-document."""
    lines = [f"  {_literal(name)}: {_literal(value)}" for name, value in fields.items()]
    for name, given in inputs.items():
        if isinstance(given, Item):
            lines.append(f"  {_literal(name)}: {_item(given)}")
        else:
            listed = ",\n".join(f"    {_item(item)}" for item in given[:MAX_LITERALS])
            lines.append(f"  {_literal(name)}: [\n{listed}\n  ]")
    return "{\n" + ",\n".join(lines) + "\n}"


def _item(item: Item) -> str:
    if item.kind == "text":
        return _literal(item.text)
    picture = f"\"$(base64 < {shlex.quote(shown_path(item))} | tr -d '\\n')\""
    text = f'"text": {_literal(item.text)}, ' if item.kind == "document" else ""
    return f'{{{text}"image": {picture}}}'


def _literal(value: object) -> str:
    """A value as JSON in which the shell finds nothing to expand."""
    written = json.dumps(value, ensure_ascii=_has_lone_surrogate(value))
    return written.replace("\\", "\\\\").replace("$", "\\$").replace("`", "\\`")


def _has_lone_surrogate(value: object) -> bool:
    return isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value)

"""The body of ``POST /v1/embeddings``: what a request may hold, and how vectors are written in the answer.

The shape is OpenAI's (model, input, dimensions, encoding_format, user) with the fields of Jina's API (task,
embedding_type, normalized, truncate, return_multivector, late_chunking) and our prompt_name.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from embedder.errors import InputError
from embedder.quantization import Quantizer, VectorPrecision
from embedder.spec import JINA_V4
from ui.answers import Answer, Order
from ui.collection import Item
from ui.payloads import items_of, refuse_long, task_of, whole_number
from ui.vectors import Workbench

Array = np.ndarray[Any, np.dtype[Any]]

FORMATS = ("float", "base64", "binary", "ubinary")
FIELDS = (
    "model", "input", "task", "prompt_name", "dimensions", "embedding_type", "encoding_format", "normalized",
    "truncate", "return_multivector", "late_chunking", "user",
)  # fmt: skip


class RequestError(InputError):
    """A request that cannot be answered.

    Attributes:
        param: the field that is to blame, or None.
        code: a word for programs.
        status: of the answer.
    """

    def __init__(
        self, message: str, param: str | None = None, *, code: str = "invalid_value", status: int = 400
    ) -> None:
        super().__init__(message)
        self.param, self.code, self.status = param, code, status


@dataclass(frozen=True)
class Parsed:
    """A checked request.

    Attributes:
        items: the inputs.
        order: what the model is to do.
        written: how vectors are written, one of ``FORMATS``.
    """

    items: tuple[Item, ...]
    order: Order
    written: str


def parse(bench: Workbench, body: object) -> Parsed:
    """Check a request.

    Raises:
        RequestError: a field is missing, unknown, or of a value that cannot be used; it is named.
    """
    if not isinstance(body, dict):
        raise RequestError(f"the body is {_kind(body)}; expected an object with model and input")
    unknown = [str(name)[:60] for name in body if name not in FIELDS]
    if unknown:
        raise RequestError(
            f"unknown field {unknown[0]!r}; the fields are {', '.join(FIELDS)}",
            unknown[0],
            code="unknown_parameter",
        )
    for name in ("model", "input"):
        if body.get(name) is None:
            raise RequestError(f"{name} is missing", name, code="missing_required_parameter")
    _check_model(bench, body["model"])
    if _flag(body, "late_chunking", False):
        raise RequestError("late_chunking is not supported here; leave it out", "late_chunking")
    late = _flag(body, "return_multivector", False)
    order = _order(bench, body, late)
    _refuse_token_ids(body["input"])
    items = tuple(_blaming("input", items_of, body["input"]))
    if not _flag(body, "truncate", False):
        _blaming("input", refuse_long, bench.model, items, order.prompt_name)
    return Parsed(items, order, _written(body))


def answered(bench: Workbench, parsed: Parsed, found: Answer) -> dict[str, Any]:
    """The answer: vectors by input, and the tokens used.

    A vector is under "embedding", vectors per token under "embeddings", as in Jina's API. What was cut,
    mapped or replaced is under "notices", which neither API has; it is absent where there is nothing to say.
    """
    key = "embeddings" if parsed.order.late else "embedding"
    data = [
        {"object": "embedding", "index": at, key: write(vector, parsed.written)}
        for at, vector in enumerate(found.vectors)
    ]
    used = sum(found.tokens)
    usage = {"prompt_tokens": used, "total_tokens": used}
    said = {"notices": list(found.notices)} if found.notices else {}
    return {"object": "list", "model": bench.model.spec.name, "data": data, "usage": usage, **said}


def write(vector: Array, written: str) -> Any:  # noqa: ANN401 - a list or a str, or a list of them
    """One vector, or the rows of a matrix, as JSON.

    Args:
        vector: float32 (dim,) or (tokens, dim).
        written: "float": numbers. "base64": little-endian float32. "ubinary": the signs, eight to a whole
            number from 0 to 255, the first dimension in the highest bit, 1 for above zero, the last number
            filled up with zeros (``numpy.packbits``). "binary": the same less 128.
    """
    if vector.ndim == 2 and written == "base64":
        return [write(row, written) for row in vector]
    if written == "base64":
        return base64.b64encode(np.ascontiguousarray(vector, dtype="<f4").tobytes()).decode()
    if written == "float":
        return vector.tolist()
    quantizer = Quantizer(VectorPrecision(written), vector.shape[-1])
    return quantizer.quantize(vector).tolist()


def model_ids(bench: Workbench) -> tuple[str, ...]:
    """Names by which a request may ask for the model that is loaded; the first is its own."""
    spec = bench.model.spec
    same = spec.dim == JINA_V4.dim and spec.tasks == JINA_V4.tasks
    other = [JINA_V4.name, JINA_V4.name.split("/")[-1]] if same else []
    return tuple(dict.fromkeys([spec.name, bench.model_argument, *other]))


def _check_model(bench: Workbench, name: object) -> None:
    if not isinstance(name, str):
        raise RequestError(f"model is {_kind(name)}; expected a name", "model")
    known = model_ids(bench)
    if name not in known:
        raise RequestError(
            f"the model {name[:60]!r} does not exist here; this server runs {known[0]!r}",
            "model",
            code="model_not_found",
            status=404,
        )


def _order(bench: Workbench, body: Mapping[str, Any], late: bool) -> Order:
    spec, tasks = bench.model.spec, [str(task) for task in bench.model.tasks]
    task, prompt = _blaming("task", task_of, body.get("task"), body.get("prompt_name"), tasks)
    dim = body.get("dimensions")
    if dim is not None and late:
        raise RequestError(
            f"dimensions has no meaning with return_multivector: token vectors have {spec.multi_vector_dim}",
            "dimensions",
        )
    width = spec.dim if dim is None else _blaming("dimensions", whole_number, dim, "dimensions", 1, spec.dim)
    return Order(task, prompt, width, late, _flag(body, "normalized", True))


def _written(body: Mapping[str, Any]) -> str:
    """OpenAI's encoding_format and Jina's embedding_type are two names of one thing.

    The openai client sends encoding_format "base64" whenever its user names none, and its user cannot leave
    that out: beside it embedding_type decides. Any other two that differ were both meant.
    """
    given = {name: body[name] for name in ("encoding_format", "embedding_type") if body.get(name) is not None}
    for name, value in given.items():
        if value not in FORMATS:
            raise RequestError(f"{name} is {_kind(value)}; one of {', '.join(FORMATS)}", name)
    if "embedding_type" in given and given.get("encoding_format") == "base64":
        del given["encoding_format"]
    if len(set(given.values())) > 1:
        raise RequestError(
            f"encoding_format {given['encoding_format']!r} and embedding_type {given['embedding_type']!r} "
            "contradict each other; leave one out",
            "embedding_type",
        )
    return next(iter(given.values()), "float")


def _refuse_token_ids(value: object) -> None:
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, int) or (isinstance(first, list) and all(isinstance(one, int) for one in first)):
        raise RequestError(
            "input is a list of token ids, which belong to another model's tokenizer; send texts "
            "(in LangChain: check_embedding_ctx_length=False)",
            "input",
        )


def _flag(body: Mapping[str, Any], name: str, default: bool) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise RequestError(f"{name} is {_kind(value)}; expected true or false", name)
    return default if value is None else value


def _blaming(param: str, check: Any, *values: Any) -> Any:  # noqa: ANN401
    """Call a check; its error then names the field."""
    try:
        return check(*values)
    except InputError as error:
        raise RequestError(str(error), param) from None


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return repr(value)[:60]

"""The named endpoints: what gradio's clients and MCP see. Everything else of the page is private.

gradio reads the docstrings, one line per argument, and hands them on to clients and models.
"""

import json
from collections.abc import Callable
from functools import wraps
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.context import get_blocks_context
from gradio.utils import get_function_description, get_upload_folder

from embedder.errors import EmbedderError, InputError
from embedder.stop import Stopped, stoppable
from ui import api_handlers as handlers
from ui.api_handlers import Embeddings, Hits, Metric, Models, Similarities, TruncationReport
from ui.payloads import MAX_PICTURE_BYTES, Document
from ui.server import MODEL_QUEUE
from ui.vectors import Workbench
from ui.waiting import has_left

Input = str | Document
Role = Literal["query", "passage"] | None
MCP_PACKAGE = "mcp>=1.21,<2"
"""What the option --mcp needs; also the group "mcp" of pyproject.toml."""
NAMES = ("embed", "similarity", "search", "truncation_report", "list_models")


def publish(bench: Workbench) -> None:
    """Publish the five endpoints; call it inside the page's ``gr.Blocks``.

    Those that run the model wait in its queue with the tabs.
    """
    endpoints = Endpoints(bench)
    for name in NAMES:
        runs = {} if name == "list_models" else {"concurrency_id": MODEL_QUEUE, "concurrency_limit": 1}
        gr.api(_in_words(getattr(endpoints, name)), api_name=name, **runs)
    for made in _published():
        _explain(made)


def _published() -> list[BlockFunction]:
    """The endpoints as the page under construction holds them."""
    page = get_blocks_context()
    return [made for made in page.fns.values() if made.api_name in NAMES] if page else []


def _explain(made: BlockFunction) -> None:
    """Put the docstring's words where gradio's client looks; gradio itself gives them to MCP only."""
    _, words, returned = get_function_description(made.fn)
    for argument, of in zip(made.inputs, words.values(), strict=True):
        argument.api_info()["additional_description"] = of
    made.outputs[0].api_info()["description"] = " ".join(returned)


def results_as_json() -> None:
    """Let tools over MCP answer in JSON; gradio writes results as Python does, which few clients read."""
    from gradio.mcp import GradioMCPServer

    def told(server: Any, data: list[Any], root_url: str) -> list[Any]:  # noqa: ANN401 - gradio's
        return [server.types.TextContent(type="text", text=json.dumps(one)) for one in data]

    GradioMCPServer.postprocess_output_data = told


def check_mcp() -> None:
    """See to it that the endpoints can be offered as tools over MCP.

    Raises:
        EmbedderError: the package for it is missing or of another major version; says what to install.
    """
    try:
        found = version("mcp")
    except PackageNotFoundError:
        found = ""
    if found.split(".")[0] != "1":
        why = f"mcp {found} is of another major version" if found else "the package mcp is not installed"
        raise EmbedderError(f'--mcp: {why}; run: pip install "{MCP_PACKAGE}"')


class Endpoints:
    """The endpoints as methods; their docstrings are what clients and models read."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench

    def embed(
        self,
        inputs: list[Input],
        task: str = "retrieval.query",
        prompt_name: Role = None,
        dimensions: int | None = None,
    ) -> Embeddings:
        """Turn texts and pictures into vectors of length 1.

        Args:
            inputs: up to 256 texts, or objects with text, image or both; image is base64 or a data URI
            task: retrieval.query, retrieval.passage, text-matching, code.query, code.passage, or an adapter
            prompt_name: role of texts, query or passage, where task is the name of an adapter
            dimensions: width to cut the vectors to, from 1 to full; full if left out

        Returns:
            The vectors in the order of the inputs, their lengths in tokens, and what was cut or replaced.
        """
        return handlers.embed(self.bench, with_uploads(inputs), task, prompt_name, dimensions)

    def similarity(
        self,
        inputs: list[Input],
        others: list[Input] | None = None,
        task: str = "text-matching",
        prompt_name: Role = None,
        dimensions: int | None = None,
        metric: Metric = "cosine",
    ) -> Similarities:
        """Compare texts and pictures with each other, all against all.

        Args:
            inputs: as for embed; the rows of the matrix
            others: the columns of the matrix; the inputs themselves if left out
            task: as for embed; text-matching treats both sides alike
            prompt_name: as for embed
            dimensions: width to cut the vectors to, from 1 to full; full if left out
            metric: cosine, dot, or euclidean (a distance: smaller is nearer)

        Returns:
            The matrix, one row per input.
        """
        both = with_uploads(inputs), with_uploads(others)
        return handlers.similarity(self.bench, *both, task, prompt_name, dimensions, metric)

    def search(
        self,
        query: Input,
        documents: list[Input],
        task: str = "retrieval",
        prompt_name: Role = None,
        dimensions: int | None = None,
        metric: Metric = "cosine",
        limit: int = 10,
    ) -> Hits:
        """Find the texts and pictures that answer a query, which may be a text or a picture itself.

        Args:
            query: a text, or an object with text, image or both, as for embed
            documents: what to search in, as the inputs of embed
            task: name of the adapter, such as retrieval, text-matching or code
            prompt_name: role of the query, query if left out; documents are passages
            dimensions: width to cut the vectors to, from 1 to full; full if left out
            metric: cosine, dot, or euclidean (a distance: smaller is nearer)
            limit: how many to return

        Returns:
            Positions in documents with their scores, best first.
        """
        both = with_uploads(query), with_uploads(documents)
        return handlers.search(self.bench, *both, task, prompt_name, dimensions, metric, limit)

    def truncation_report(
        self,
        inputs: list[Input],
        dimensions: list[int] | None = None,
        task: str = "retrieval.passage",
        prompt_name: Role = None,
        neighbours: int = 2,
    ) -> TruncationReport:
        """Measure on your own texts and pictures what shorter vectors lose.

        Args:
            inputs: at least 3, as for embed
            dimensions: widths to compare with the full one; those the model was trained for if left out
            task: as for embed
            prompt_name: as for embed
            neighbours: how many nearest neighbours of each input are compared

        Returns:
            Per width: bytes per vector, the share of nearest neighbours that stay (overlap), and Spearman's
            correlation of the order of all others with that at full width, both as means over the inputs.
        """
        return handlers.truncation_report(
            self.bench, with_uploads(inputs), dimensions, task, prompt_name, neighbours
        )

    def list_models(self) -> Models:
        """Say which model this server runs: its widths, tasks, limits, device, number format and licence.

        Returns:
            The models.
        """
        return handlers.list_models(self.bench)


def with_uploads(value: Any) -> Any:  # noqa: ANN401 - JSON
    """JSON with the bytes of uploaded pictures in place of gradio's references to them.

    ``gradio_client.handle_file`` uploads a file and sends such a reference. Only files that this server has
    stored as uploads are opened.

    Raises:
        InputError: a reference to anything else.
    """
    if isinstance(value, list):
        return [with_uploads(one) for one in value]
    if isinstance(value, dict):
        if isinstance(value.get("meta"), dict) and "path" in value:
            return _uploaded(value["path"])
        return {key: with_uploads(one) for key, one in value.items()}
    return value


def _uploaded(path: object) -> bytes:
    root = Path(get_upload_folder()).resolve()
    file = Path(path) if isinstance(path, str) and "\0" not in path else root
    if not file.resolve().is_relative_to(root) or not file.is_file():
        raise InputError(f"{str(path)[:60]!r} is no upload of this page; upload it, or send base64")
    if file.stat().st_size > MAX_PICTURE_BYTES:
        raise InputError(
            f"{file.name} has {file.stat().st_size:,} bytes; at most {MAX_PICTURE_BYTES:,} are taken"
        )
    return file.read_bytes()


def _in_words(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """An endpoint whose own errors reach the caller as words; of any other it learns nothing."""

    @wraps(endpoint)
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        try:
            with stoppable(has_left):
                return endpoint(*args, **kwargs)
        except EmbedderError as error:
            raise gr.Error(str(error), print_exception=False) from None
        except Stopped:
            raise gr.Error("the client has left", print_exception=False) from None

    return call

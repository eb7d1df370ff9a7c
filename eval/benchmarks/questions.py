"""ViDoRe 1: one table with a row per question, each with the picture that answers it."""

from embedder.errors import InputError
from eval.benchmarks.checks import kind_of, notices_of
from eval.benchmarks.model import Benchmark, Items, assemble, digest, has_picture
from eval.benchmarks.table import Table
from eval.benchmarks.tables import Found, input_of


def one_table(table: Table, name: str, source: str) -> Benchmark:
    """A benchmark of rows `query, image, image_filename`.

    A picture whose file name and content occur several times is one document, and a question whose
    words occur several times is one query that all its pictures answer. Rows without a question only
    have their document. Without file names a picture is known by its row.

    Raises:
        InputError: a column is missing, or nothing can be used.
    """
    asked, _ = table.column(["query"]), table.column(["image"])
    table = table.only([asked, "image", "image_filename"])
    documents = Found()
    texts: dict[str, str] = {}  # question -> id
    judgements: dict[str, dict[str, int]] = {}
    known: dict[str, bytes] = {}
    renamed: list[str] = []
    for number, row in enumerate(table):
        value = input_of(table, row, None, number)
        key = str(row.get("image_filename") or f"row-{number}")
        if known.get(key, mark := digest(value)) != mark:
            renamed.append(key)
            key = f"{key}#{number}"
        if key not in known:
            known[key] = mark
            if not has_picture(value):
                raise InputError(f"{table.where} row {number}: has no picture")
            documents.take(key, number, value, table.where)
        if row[asked]:
            query = texts.setdefault(str(row[asked]), f"q{number}")
            judgements.setdefault(query, {})[key] = 1
    said = notices_of(documents.empty, documents.broken, table.where)
    if renamed:
        said.append(f"{table.where}: {len(renamed)} file names stand for different pictures, kept apart")
    corpus = documents.items(table.only(["image"]), None)
    queries = Items.of(list(texts.values()), list(texts))
    modality = f"text to {kind_of(corpus)}"
    return assemble(
        name, modality, corpus, queries, judgements,
        notices=said, source=source, dropped=frozenset(documents.broken),
    )  # fmt: skip

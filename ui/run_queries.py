"""Looking into a run: its queries by score or by loss, and a query with what two searches found for it."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from embedder.errors import InputError
from eval import series
from eval.benchmarks import Benchmark
from eval.examples import shown
from eval.kept import search_again, way_of
from eval.ranking import Ranking
from eval.results import read_per_query
from eval.runs import Record, Run
from eval.scores import Way

ORDERS = ("worst first", "largest loss first", "largest gain first", "best first", "as in the benchmark")
DOCUMENTS = 10
"""Documents shown of what was found."""
TOLD = 5
"""And of what should have been."""
KEPT = 6

Values = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Asked:
    """Which queries of a run are looked at.

    Attributes:
        benchmark: name.
        task: adapter.
        metric: such as "ndcg@10".
        first: the search to look at, in words as `searches` has them.
        second: the one to compare it with.
    """

    benchmark: str
    task: str
    metric: str
    first: str
    second: str


@dataclass(frozen=True)
class Queries:
    """Values of each query in two searches.

    Attributes:
        ids: of the queries, in the order of the benchmark.
        first: float64 (n,), 0 to 1.
        second: the same of the other search.
    """

    ids: tuple[str, ...]
    first: Values
    second: Values

    def order(self, name: str) -> list[int]:
        """Places of the queries in one of `ORDERS`; equal ones stay in the benchmark's order."""
        loss = self.first - self.second
        keys = {"worst first": self.first, "largest loss first": -loss, "largest gain first": loss,
                "best first": -self.first, "as in the benchmark": np.zeros(len(self.ids))}  # fmt: skip
        return [int(place) for place in np.argsort(keys[name], kind="stable")]


def searches(run: Run, benchmark: str, task: str) -> dict[str, Record]:
    """The searches of a benchmark and adapter by their name for people, of one metric each; the widest first.

    What needs no adapter (BM25) is among them.
    """
    found: dict[str, Record] = {}
    for row in run.scores:
        if row["benchmark"] != benchmark or row["task"] not in (task, None):
            continue
        found.setdefault(_label(run, row), row)
    plain = sorted(found, key=lambda name: -(found[name]["dim"] or 0) * series.is_plain(found[name]))
    return {name: found[name] for name in plain}


def _label(run: Run, row: Record) -> str:
    return f"{row['model']}: {name_of(row)}" if len(run.models) > 1 else name_of(row)


def name_of(row: Mapping[str, Any]) -> str:
    """A search, for people: "256 · float32"; late interaction needs no width."""
    return series.way_of(row) if row["vectors"] == "late" else series.setting_of(row)


def first_choice(names: Sequence[str], found: Mapping[str, Record]) -> tuple[str, str]:
    """The widest plain search, and the one nearest to a quarter of its width."""
    plain = [name for name in names if series.is_plain(found[name])]
    if not plain:
        return names[0], names[-1]
    full = found[plain[0]]["dim"]
    return plain[0], min(plain, key=lambda name: (abs(found[name]["dim"] * 4 - full), found[name]["dim"]))


def of_row(run: Run, place: int) -> tuple[str | None, ...]:
    """What to look at for a row of the leaderboard: benchmark, adapter, metric, first and second search.

    The row's search is the second, beside the widest; None stands for what is chosen at first.

    Args:
        run: it is of.
        place: of the row in the run's result.json.
    """
    if not 0 <= place < len(run.scores):
        return (None,) * 5
    row = run.scores[place]
    benchmark, task = str(row["benchmark"]), row["task"]
    adapters = [one["task"] for one in run.scores if one["benchmark"] == benchmark and one["task"]]
    found = searches(run, benchmark, str(task or (adapters or [""])[0]))
    name = _label(run, row)
    is_first = not found or first_choice(list(found), found)[0] == name
    return benchmark, task, str(row["metric"]), None, None if is_first else name


class Opened:
    """Runs that are being looked into, with what was read or computed for it; the last few are kept."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._tables: OrderedDict[str, pa.Table] = OrderedDict()
        self._found: OrderedDict[tuple[str, str, Way], Ranking] = OrderedDict()

    def queries(self, run: Run, asked: Asked) -> Queries:
        """Values of each query in both searches.

        Raises:
            InputError: the run made no such search, or its values cannot be read.
        """
        both = []
        for name in (asked.first, asked.second):
            row = self.row(run, asked, name)
            both.append(self._values(run, run.scores.index(row)))
        if both[0][0] != both[1][0]:
            raise InputError("the two searches are not of the same queries")
        return Queries(tuple(both[0][0]), both[0][1], both[1][1])

    def row(self, run: Run, asked: Asked, name: str) -> Record:
        """The row of scores of a search.

        Raises:
            InputError: the run has none.
        """
        like = searches(run, asked.benchmark, asked.task).get(name)
        if like is None:
            raise InputError(f"run {run.run_id} made no search {name!r} of {asked.benchmark}, {asked.task}")
        same = [name for name in like if name not in ("metric", "value", "ci_low", "ci_high", "n_queries")]
        for row in run.scores:
            if row["metric"] == asked.metric and all(row[part] == like[part] for part in same):
                return row
        raise InputError(f"run {run.run_id} has no {asked.metric!r} of {name}")

    def _values(self, run: Run, place: int) -> tuple[list[str], Values]:
        """Ids and values of one row of scores; only its part of the table is made into Python."""
        table = self._table(run)
        start = sum(int(row["n_queries"]) for row in run.scores[:place])
        part = table.slice(start, int(run.scores[place]["n_queries"]))
        if len(part) != run.scores[place]["n_queries"]:
            raise InputError(f"{run.run_id}: its values per query are not complete")
        return part["query_id"].to_pylist(), part["value"].to_numpy().astype(np.float64)

    def _table(self, run: Run) -> pa.Table:
        key = str(run.folder)
        if key not in self._tables:
            try:
                self._tables[key] = read_per_query(run.folder).select(["query_id", "value"])
            except (OSError, ValueError, KeyError) as error:
                raise InputError(f"{run.run_id}: its values per query cannot be read: {error}") from None
            while len(self._tables) > self._most:
                self._tables.popitem(last=False)
        return self._tables[key]

    def ranking(self, run: Run, benchmark: Benchmark, row: Record) -> Ranking:
        """What a search found, for all queries, searched again from the cache.

        Raises:
            InputError: it cannot be done again; the message says why.
        """
        way, model = way_of(row), str(row["model"])
        key = (f"{run.folder} {model} {benchmark.fingerprint}", benchmark.name, way)
        if key not in self._found:
            self._found[key] = search_again(run, benchmark, [way], model)[way]
            while len(self._found) > 2 * self._most:
                self._found.popitem(last=False)
        return self._found[key]


@dataclass(frozen=True)
class Document:
    """A document in a query's list.

    Attributes:
        name: id.
        text: at most 600 characters.
        picture: a small one as a data URI, or "".
        gain: how relevant it is, 0 if not.
        score: of the first list it is shown in; None if it was not found.
        ranks: its places from 1 in both searches; None if it is not among those found.
        scores: in both searches.
    """

    name: str
    text: str
    picture: str
    gain: int
    ranks: tuple[int | None, int | None]
    scores: tuple[float | None, float | None]


@dataclass(frozen=True)
class Looked:
    """One query with what two searches found.

    Attributes:
        name: id of the query.
        text: of the query.
        picture: of the query.
        values: of the metric in both searches.
        found: documents of each search, best first.
        relevant: documents that should have been found, the most relevant first.
        relevant_count: how many there are.
    """

    name: str
    text: str
    picture: str
    values: tuple[float, float]
    found: tuple[tuple[Document, ...], tuple[Document, ...]]
    relevant: tuple[Document, ...]
    relevant_count: int


def look(
    opened: Opened, run: Run, benchmark: Benchmark, asked: Asked, queries: Queries, place: int
) -> Looked:
    """A query with its documents.

    Args:
        opened: keeps what was searched.
        run: of the searches.
        benchmark: what was searched.
        asked: the two searches.
        queries: their values.
        place: of the query in the benchmark.

    Raises:
        InputError: the searches cannot be done again.
    """
    rows = [opened.row(run, asked, name) for name in (asked.first, asked.second)]
    values = (float(queries.first[place]), float(queries.second[place]))
    return found_by(opened, [(run, row) for row in rows], benchmark, values, place)


def found_by(
    opened: Opened,
    searches: Sequence[tuple[Run, Record]],
    benchmark: Benchmark,
    values: tuple[float, float],
    place: int,
) -> Looked:
    """A query with what two searches found, of one run or of two.

    Args:
        opened: keeps what was searched.
        searches: a run and its row of scores, twice.
        benchmark: what both searched.
        values: of the query in both.
        place: of the query in the benchmark.

    Raises:
        InputError: the searches cannot be done again.
    """
    rankings = [opened.ranking(run, benchmark, row) for run, row in searches]
    gains = benchmark.relevance[place]
    wanted = [row for row, gain in sorted(gains.items(), key=lambda item: (-item[1], item[0])) if gain > 0]
    made: dict[int, Document] = {}

    def document(row: int) -> Document:
        if row not in made:
            made[row] = _document(benchmark, rankings, place, row, gains.get(row, 0))
        return made[row]

    lists = [
        tuple(document(int(row)) for row in ranking.rows[place][:DOCUMENTS] if row >= 0)
        for ranking in rankings
    ]
    query = shown(benchmark.queries.inputs[place])
    return Looked(
        benchmark.queries.ids[place], query["text"], query["picture"], values, (lists[0], lists[1]),
        tuple(document(row) for row in wanted[:TOLD]), len(wanted),
    )  # fmt: skip


def _document(benchmark: Benchmark, rankings: Sequence[Ranking], place: int, row: int, gain: int) -> Document:
    ranks: list[int | None] = []
    scores: list[float | None] = []
    for ranking in rankings:
        at = np.flatnonzero(ranking.rows[place] == row)
        ranks.append(int(at[0]) + 1 if len(at) else None)
        scores.append(float(ranking.scores[place][at[0]]) if len(at) else None)
    parts = shown(benchmark.corpus.inputs[row])
    return Document(
        benchmark.corpus.ids[row], parts["text"], parts["picture"], gain,
        (ranks[0], ranks[1]), (scores[0], scores[1]),
    )  # fmt: skip


def kept_example(run: Run, asked: Asked, query: str) -> Record | None:
    """What the run itself has kept of a query, for where its rankings cannot be had again; or None."""
    for entry in run.examples.entries:
        same = (entry["benchmark"], entry["task"], entry["query"]["id"])
        if same == (asked.benchmark, asked.task, query):
            return dict(entry)
    return None

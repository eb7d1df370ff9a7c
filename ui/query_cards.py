"""HTML of the Evaluation tab: queries, their documents, and two runs side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from eval.compare import Comparison
from eval.report_parts import metric_name
from ui import cards
from ui.cards import esc
from ui.run_cards import pager
from ui.run_compare import title_of
from ui.run_index import NONE
from ui.run_queries import Asked, Document, Looked, Queries

TEXT = 160


def _opens(place: int, words: str) -> str:
    return (
        f"<button type='button' class='ev-open' data-event='pick' data-index='{place}'>{esc(words)}</button>"
    )


def _asked(name: str, text: str, picture: str = "") -> str:
    words = f"<div><small>Query {esc(name)}</small><b>{esc(text)}</b></div>"
    return f"<div class='xp-asked'>{picture}{words}</div>"


def query_table(
    asked: Asked, queries: Queries, order: Sequence[int], texts: Mapping[int, str], page: int, size: int
) -> str:
    """Queries with their values in both searches; each row opens its query."""
    head = ["Query", asked.first, asked.second, "Loss", "Id"]
    rows = []
    for place in order[page * size : (page + 1) * size]:
        first, second = queries.first[place], queries.second[place]
        words = texts.get(place, "") or queries.ids[place]
        words = _cut(words)
        rows.append([
            _opens(place, words),
            f"{first:.3f}", f"{second:.3f}", f"{first - second:+.3f}".replace("+0.000", "0"),
            f"<small>{esc(queries.ids[place][:60])}</small>",
        ])  # fmt: skip
    table = cards.table(head, rows, stacked=True).replace("xp-table", "xp-table ev-table ev-queries")
    return table.replace("Table of results", "Queries") + pager(len(order), page, size, "queries")


def looked(found: Looked, asked: Asked) -> str:
    """A query with the documents of both searches, face to face."""
    picture = f"<img class='xp-big' src='{esc(found.picture)}' alt=''>" if found.picture else ""
    metric = metric_name(asked.metric)
    numbers = cards.stats([
        (f"{metric}, {asked.first}", f"{found.values[0]:.4f}"),
        (f"{metric}, {asked.second}", f"{found.values[1]:.4f}"),
        ("Relevant documents", f"{found.relevant_count:,}"),
    ])  # fmt: skip
    head = _asked(found.name, found.text, picture)
    columns = "".join(
        _column(name, documents, side)
        for side, (name, documents) in enumerate(zip((asked.first, asked.second), found.found, strict=True))
    )
    wanted = "".join(_document(one, None) for one in found.relevant)
    more = found.relevant_count - len(found.relevant)
    rest = f"<p class='xp-explain'>and {more:,} more</p>" if more > 0 else ""
    should = (
        f"<section class='xp-column'><header><h3>Should be found</h3><p>places in both searches</p></header>"
        f"<ol class='ev-documents'>{wanted}</ol>{rest}</section>"
    )
    return f"{head}{numbers}<div class='xp-columns'>{columns}{should}</div>"


def _column(name: str, documents: Sequence[Document], side: int) -> str:
    rows = "".join(_document(one, side) for one in documents)
    return (
        f"<section class='xp-column'><header><h3>{esc(name)}</h3><p>found, best first</p></header>"
        f"<ol class='ev-documents'>{rows}</ol></section>"
    )


def _document(one: Document, side: int | None) -> str:
    picture = f"<img class='xp-thumb' src='{esc(one.picture)}' alt=''>" if one.picture else ""
    mark = (
        f"<span class='ev-right-one'>✓ relevant{f' (gain {one.gain})' if one.gain > 1 else ''}</span>"
        if one.gain > 0
        else ""
    )
    if side is None:
        places = [f"{rank}." if rank else "not found" for rank in one.ranks]
        where = f"<small>{places[0]} → {places[1]}</small>"
    else:
        score = one.scores[side]
        other = one.ranks[1 - side]
        there = f"{other}. in the other" if other else "not in the other"
        where = (
            f"<small>{one.ranks[side]}. · score {score:.4f} · {there}</small>" if score is not None else ""
        )
    words = esc(one.text) if one.text else f"<span class='xp-sr'>picture {esc(one.name)}</span>"
    return (
        f"<li class='{'ev-relevant' if one.gain > 0 else ''}'>{picture}<div>{where} {mark}"
        f"<p>{words}</p></div></li>"
    )


def example(entry: Mapping[str, Any], documents: Mapping[str, Mapping[str, str]], why: str) -> str:
    """What the run itself kept of a query, where its searches cannot be done again."""
    query = entry["query"]
    parts = [cards.note(f"{why} Shown is what the run kept.", "warn")]
    parts.append(_asked(query["id"], query["text"]))
    for search in entry["searches"]:
        rows = []
        for rank, hit in enumerate(search["found"], start=1):
            shown = documents.get(hit["document"], {"text": "", "picture": ""})
            one = Document(hit["document"], shown["text"], shown["picture"], int(hit["gain"]),
                           (rank, None), (float(hit["score"]), None))  # fmt: skip
            rows.append(_document(one, 0).replace(" · not in the other", ""))
        parts.append(
            f"<section class='xp-column'><header><h3>{esc(search['dim'])} dimensions, "
            f"{search['value']:.4f}</h3></header><ol class='ev-documents'>{''.join(rows)}</ol></section>"
        )
    return "".join(parts)


def comparison(found: Comparison) -> str:
    """The table of two runs, with what differs between them."""
    verdicts = [row.verdict for row in found.rows]
    total, better, worse = len(verdicts), verdicts.count("better"), verdicts.count("worse")
    said = (
        f"B is better in {better} of {total} searches, worse in {worse}; of {total - better - worse} "
        f"neither is shown (Holm over {total}, 5%)."
    )
    notes = [f"{name} is left out: {why}" for name, why in found.refused.items()]
    if found.only_a or found.only_b:
        notes.append(f"Left out: {found.only_a} searches of A alone, {found.only_b} of B alone.")
    head = ["Search", "A", "B", "B − A", "95% interval", "p (Holm)", "B is"]
    rows = [
        [
            _opens(at, title_of(row)), f"{row.a:.4f}", f"{row.b:.4f}", f"{row.difference:+.4f}",
            f"{row.ci_low:+.4f} to {row.ci_high:+.4f}",
            f"{row.p_holm:.4f}", esc(row.verdict or NONE),
        ]
        for at, row in enumerate(found.rows)
    ]  # fmt: skip
    table = cards.table(head, rows, stacked=True).replace("xp-table", "xp-table ev-table ev-queries")
    return (
        cards.note(said)
        + cards.notes([], notes)
        + _differs(found)
        + table.replace("Table of results", "Comparison")
    )


def _differs(found: Comparison) -> str:
    if not found.differs:
        return "<p class='xp-explain'>Model, settings, method and versions are the same in both.</p>"
    rows = [[esc(name), esc(_short(a)), esc(_short(b))] for name, (a, b) in found.differs.items()]
    table = cards.table(["Setting", "A", "B"], rows).replace("Table of results", "What differs")
    table = table.replace("xp-table'", "xp-table ev-table'")
    return (
        f"<details class='ev-differs'><summary>What differs: {len(rows)} settings</summary>{table}</details>"
    )


def _short(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def changed(values: Sequence[tuple[str, float, float]], texts: Mapping[str, str], count: int) -> str:
    """The queries that gained most, and those that lost most, from A to B; each opens by its place."""
    order = sorted(enumerate(values), key=lambda one: one[1][2] - one[1][1])
    lost = [one for one in order[:count] if one[1][2] < one[1][1]]
    gained = [one for one in order[::-1][:count] if one[1][2] > one[1][1]]
    parts = []
    for words, some in (("Gained most in B", gained), ("Lost most in B", lost)):
        rows = [
            [_opens(place, _cut(texts.get(name) or name)), f"{a:.3f}", f"{b:.3f}", f"{b - a:+.3f}"]
            for place, (name, a, b) in some
        ]
        table = cards.table(["Query", "A", "B", "B − A"], rows).replace("Table of results", words)
        table = table.replace("xp-table'", "xp-table ev-table ev-queries'")
        parts.append(f"<section><h3 class='xp-h'>{words}</h3>{table if rows else '<p>None.</p>'}</section>")
    return f"<div class='xp-columns'>{''.join(parts)}</div>"


def _cut(text: str) -> str:
    return text if len(text) <= TEXT else text[: TEXT - 1] + "…"

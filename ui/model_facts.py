"""What the Model tab says of the running model: HTML made of what was measured, counted or published."""

import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from embedder.anatomy import Anatomy
from embedder.device import BATCH_SIZES, TOKENS_PER_INPUT, gigabytes
from embedder.spec import JINA_V4, MINI
from ui import cards
from ui.cards import esc
from ui.limits import MIB, Limits

V4_CLAIM = 9_000_000_000
"""Bytes that the architecture note names for the published model in 16 bits."""
V4_PARAMETERS = 3_934_695_552
"""Counted in the published tensors' shapes: 3,085,938,688 text, 668,684,288 vision, 262,272 projector,
three adapters of 59,936,768."""
LIBRARIES = ("torch", "transformers", "peft", "tokenizers", "gradio", "numpy")
CHOSEN = {
    "device": "auto takes CUDA where there is a card, then an Apple GPU, then the CPU",
    "precision": (
        "auto is bfloat16 on CUDA (float16 below compute capability 8.0), float16 on Apple's GPUs; on a CPU "
        "a short probe takes bfloat16 where it is clearly faster, and small models stay in float32"
    ),
}
OTHERS = {"device": ("cpu", "cuda"), "precision": ("bfloat16", "float32")}
"""Two choices of each: of these the command to change it names the one that is not in use."""
UNSUPPORTED = (
    (
        "Video",
        "The base model's files have tokens for video, but Jina v4 was trained on texts and still pictures: "
        "no prompt, pooling or adapter for video was published, so a vector of one would mean nothing known. "
        "Single frames can be embedded as pictures.",
    ),
    (
        "3D",
        "There is no part that reads meshes or point clouds, and none was trained. Rendered views can be "
        "embedded as pictures.",
    ),
)
READ_MEMORY = (
    "Base and adapters are the bytes of the stored weights. Activations are, on CUDA, the highest peak so "
    "far, elsewhere an estimate for one full batch. Overhead is what the process holds besides: libraries, "
    "caches, the page. The architecture note recommends 16 GB of memory and at least 8 GB with savings."
)
READ_DRAWING = (
    "Read it downwards: texts and pictures become tokens of the same width, one language model reads both, "
    "and its states become one vector for the whole (left) or one for each token (right). Only the adapters "
    "differ between tasks; the vision tower has none, so a picture's features serve them all."
)


def running(model: Any, argument: str, asked: dict[str, str]) -> str:  # noqa: ANN401
    """Name, licence, revision, device, precision, batch size, and how each is changed.

    Args:
        model: an ``Embedder``.
        argument: what it was loaded with.
        asked: "device" and "precision" as the program was told.
    """
    spec = model.spec
    lines = [
        ("Model", esc(spec.name), f"loaded from {esc(argument)}", _command(_other(argument))),
        ("Revision", esc(model.revision or "none: the files have no commit"), _revision(model), ""),
        ("Licence", esc(spec.licence), esc(spec.licence_notice or "as its card says"), ""),
    ]
    for name, value in (("device", str(model.device)), ("precision", str(model.precision))):
        told = asked.get(name, "auto")
        how = CHOSEN[name] if told == "auto" else f"asked for with --{name} {told}"
        first, second = OTHERS[name]
        change = _command(argument, f"--{name} {second if value.startswith(first) else first}")
        lines.append((name.capitalize(), esc(value), esc(how), change))
    batch = f"{model.batch_size} inputs of up to {TOKENS_PER_INPUT} tokens"
    defaults = ", ".join(f"{kind} {size}" for kind, size in BATCH_SIZES.items())
    lines.append(
        (
            "Batch size",
            batch,
            f"the default of the device ({defaults}); short texts are packed tighter",
            _BATCH,
        )
    )
    return _table("What is running", ("What", "Now", "How it was chosen", "How to change it"), lines)


_BATCH = "<code>model.embed(inputs, batch_size=8)</code> in Python; a slider in Search"


def _other(argument: str) -> str:
    return str(JINA_V4.repo_id) if argument == MINI else MINI


def _command(argument: str, more: str = "") -> str:
    line = f"python app.py --model {argument} {more}".strip()
    return f"<code>{esc(line)}</code>"


def _revision(model: Any) -> str:  # noqa: ANN401
    if model.spec.revision and model.spec.revision == JINA_V4.revision:
        return "the commit that this program is pinned to"
    return "the commit that was loaded" if model.revision else "a local folder, or bundled"


def versions() -> str:
    """Versions of what computes."""
    rows = [("Python", platform.python_version()), *((name, _version(name)) for name in LIBRARIES)]
    return _facts("Versions", cards.stats(rows))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def memory(report: dict[str, int], name: str, precision: str, *, is_v4: bool) -> str:
    """What was measured, beside the claim for the published model.

    Args:
        report: of ``Embedder.memory_report``, bytes.
        name: of the model.
        precision: of its weights.
        is_v4: whether the claim is about this model.
    """
    parts = ("base", "adapters", "activations", "overhead")
    rows = [
        [part.capitalize(), gigabytes(report[part]), _bar(report[part], report["total"]), ""]
        for part in parts
    ]
    rows.append(["Total", gigabytes(report["total"]), "", gigabytes(V4_CLAIM)])
    comment = (
        f"Measured {gigabytes(report['total'])} in {precision} against the claim of {gigabytes(V4_CLAIM)} in "
        "16 bits."
        if is_v4
        else f"The claim is about Jina v4 in 16 bits; {name} is another model, so that the two numbers are "
        "not to be compared."
    )
    head = ("Part", f"{name}, {precision}", "Share", "Claim for v4, 16 bits")
    return _table("Memory", head, rows, f"{comment} {READ_MEMORY}")


def _bar(value: int, total: int) -> str:
    share = 100 * value / max(1, total)
    return f"<span class='xp-bar'><span style='width:{share:.1f}%'></span></span><small>{share:.0f} %</small>"


def parameters(a: Anatomy) -> str:
    """Every part's parameters, counted."""
    inside = [
        ("Language model", a.text.parameters, f"{a.table:,} of them the token table"),
        ("Vision tower", a.vision.parameters, "with the merger of patches"),
        ("Multi-vector projector", a.projector, f"{a.text.width:,} to {a.late_dim} numbers"),
        ("Base", a.base, "the three above"),
        *((f"Adapter {esc(task)}", n, f"LoRA of rank {a.rank}") for task, n in a.adapters.items()),
        ("All", a.total, "base and adapters"),
    ]
    rows = [(name, f"{count:,}", note) for name, count, note in inside]
    return _table("Parameters", ("Part", "Parameters", "Note"), rows)


def generations(a: Anatomy, name: str, *, is_v4: bool) -> str:
    """v2, v3 and v4 side by side, and the running model where it is none of them."""
    v4 = JINA_V4
    rows = [
        ["Parameters", "137 million", "572 million<small>the note said 570</small>",
         f"{V4_PARAMETERS / 1e9:.2f} billion with three adapters<small>the note said 3.98</small>",
         f"{a.total:,}"],
        ["Context in tokens", "8,192", "8,192", f"{v4.max_tokens:,}", f"{a.context:,}"],
        ["Images", "no", "no<small>the note said limited</small>", "yes", "yes"],
        ["Languages", "English<small>with bilingual sisters</small>", "multilingual, tuned on 30", "over 30",
         "see its card"],
        ["Dimension", "768", "1,024", f"{v4.dim:,}", f"{a.dim:,}"],
        ["Can be cut to", "no", "yes, to 32<small>the note said no</small>", 
         f"yes, to {v4.matryoshka_dims[0]}", f"yes, to {a.dims[0]}"],
        ["Source", _source("2310.19923", "v2-base-en"), _source("2409.10173", "v3"),
         f"{_source('2506.18902', 'v4')}<small>parameters counted in the published shapes</small>",
         "counted here"],
    ]  # fmt: skip
    head = ["What", "v2", "v3", "v4", name]
    if is_v4:
        rows, head = [row[:-1] for row in rows], head[:-1]
    said = (
        "The architecture note that this program began with has other values in the cells that say so; these "
        "are corrected after the sources in the last row."
    )
    return _table("Jina Embeddings v2, v3 and v4", head, rows, said)


def _source(paper: str, which: str) -> str:
    """Links to the paper and the model's card; nothing is fetched until somebody follows one."""
    ways = (
        (f"https://arxiv.org/abs/{paper}", f"arXiv {paper}"),
        (f"https://huggingface.co/jinaai/jina-embeddings-{which}", f"card of {which}"),
    )
    return ", ".join(f"<a href='{way}' target='_blank' rel='noreferrer'>{name}</a>" for way, name in ways)


def unsupported() -> str:
    """What it does not read, and why."""
    rows = [(name, "not supported", why) for name, why in UNSUPPORTED]
    return _table("What it does not read", ("Input", "Answer", "Why"), rows)


def caps(limits: Limits) -> str:
    """What a visitor may ask for on this host."""
    rows = [
        ("Items in a collection", f"{limits.items:,}"),
        ("Inputs of a request", f"{limits.inputs:,}, of them {limits.pictures} pictures"),
        ("One text", f"{limits.text_chars:,} characters"),
        ("One picture", f"{limits.picture_pixels:,} pixels, {limits.picture_bytes // MIB} MiB as a file"),
        ("One upload", f"{limits.upload_bytes // MIB:,} MiB"),
        ("Waiting requests of one page", _or_none(limits.waiting)),
        ("Requests of one page in a minute", _or_none(limits.per_minute)),
        ("A benchmark run", _benchmark(limits)),
        ("Local folders of the server", "yes" if limits.local_folders else "no"),
        ("Loading other models", "yes" if limits.load_models else "no: only those named at the start"),
    ]
    trust = (
        "This host was started with --trusted: everybody who reaches the page may do what its owner may."
        if limits.trusted
        else "This host was started without --trusted, which would allow local folders, other models and "
        "runs of any length to everybody who reaches the page."
    )
    return _table("What a visitor may ask for", ("What", "At most"), rows, trust)


def _or_none(cap: int | None) -> str:
    return "no limit" if cap is None else f"{cap:,}"


def _benchmark(limits: Limits) -> str:
    if limits.benchmark_seconds is None or limits.benchmark_items is None:
        return "no limit"
    return (
        f"{limits.benchmark_seconds / 60:.0f} minutes, {limits.benchmark_items:,} items, "
        f"{limits.benchmark_runs} at a time, bundled benchmarks only"
    )


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]], said: str = "") -> str:
    shown = cards.table(head, rows, stacked=True, name=title)
    return _facts(title, shown + (cards.explain(said) if said else ""))


def _facts(title: str, body: str) -> str:
    return f"<section class='xp-facts'><h2 class='xp-h'>{esc(title)}</h2>{body}</section>"

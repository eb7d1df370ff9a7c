"""The page around the tabs: header, theme, launch settings, warm-up."""

import threading
import time
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from embedder.spec import MINI
from ui import (
    api,
    cards,
    data,
    embed,
    evaluation,
    examples,
    heatmap,
    links,
    model,
    rest,
    run_hall,
    search,
    server,
    similarity,
    texts,
    theme,
    tour,
    truncation,
    visitors,
    zero,
)
from ui import map as map_page
from ui.cards import esc
from ui.collection import text_item
from ui.server import Health
from ui.vectors import Workbench

ASSETS = Path(__file__).resolve().parent.parent / "assets" / "ui"
TITLE = "Jina Embeddings v4 Explorer"
QUICK_SECONDS = 1.5
"""A short text that takes longer than this, three times over, marks a model that only runs when asked."""
MINIATURE = "A miniature of the same architecture: not Jina v4, and not indicative of its quality."


def header(bench: Workbench) -> str:
    """Title, what is running (model, device, number format, width), the licence or the miniature's notice."""
    model, spec = bench.model, bench.model.spec
    facts = [
        ("Model", spec.name),
        ("Device", str(model.device)),
        ("Precision", str(model.precision)),
        ("Width", f"{spec.dim}"),
        ("Adapters", ", ".join(str(task) for task in model.tasks)),
    ]
    chips = "".join(
        f"<li><span>{esc(name)}</span> <bdi translate='no'>{esc(value)}</bdi></li>" for name, value in facts
    )
    words = spec.licence_notice or (MINIATURE if MINI in (bench.model_argument, spec.name) else "")
    level = "xp-warn" if spec.licence_notice else "xp-info"
    said = f"<p class='xp-notice {level}' id='model-notice'>{esc(words)}</p>" if words else ""
    return (
        f"<header class='xp-header'><div><h1 translate='no'>{TITLE}</h1>"
        "<p>See what an embedding model makes of your texts and pictures, and what is left when vectors "
        "are cut short.</p></div>"
        f"<div class='xp-tools'>{tour.BUTTON}{links.BUTTON}"
        "<button type='button' class='xp-theme' aria-pressed='false' title='Light or dark'>◐<span "
        "class='xp-sr'>Dark theme</span></button></div>"
        f"<ul class='xp-chips' aria-label='What is running'>{chips}</ul>{said}{links.SAID}</header>"
    )


def page(bench: Workbench) -> gr.Blocks:
    """All tabs, wired."""
    with gr.Blocks(
        title=TITLE, analytics_enabled=False, delete_cache=server.CACHE_SWEEP, fill_width=True
    ) as demo:
        gr.HTML(
            header(bench),
            apply_default_css=False,
            js_on_load="window.Explorer.mountTheme(element);",
            elem_id="explorer-header",
        )
        tour.tour()
        said = cards.plain("", elem_classes="xp-messages", elem_id="explorer-said")
        collection = gr.State(examples.first_items())
        relevance = gr.State(None)  # for the tabs that measure quality
        brought = gr.State(None)
        links.uploads(brought, "the points on the map")
        with gr.Tabs(elem_id="explorer-tabs") as tabs:
            with gr.Tab("Embed", id="embed"):
                first_look = embed.build(bench, collection)
            with gr.Tab("Similarity", id="similarity") as similarity_tab:
                similarity.build(bench, collection, similarity_tab)
            with gr.Tab("Search", id="search") as search_tab:
                search.build(bench, collection, search_tab)
            with gr.Tab("Tokens & patches", id="late") as late_tab:
                heatmap.build(bench, collection, late_tab)
            with gr.Tab("Map", id="map") as map_tab:
                map_page.build(bench, collection, map_tab, brought)
            with gr.Tab("Truncation lab", id="truncation") as truncation_tab:
                truncation.build(bench, collection, truncation_tab, relevance)
            with gr.Tab("Evaluation", id="evaluation") as evaluation_tab:
                evaluation.build(bench, evaluation_tab)
            with gr.Tab("Your data", id="data") as data_tab:
                data.build(bench, collection, data_tab, relevance, brought)
            with gr.Tab("Model", id="model") as model_tab:
                model.build(bench, model_tab)
        first_look(links.bind(demo, tabs, collection, said).then)
        texts.mark(demo)
        api.publish(bench)
    server.fetch_nothing()
    server.lean_sessions()
    demo.queue(api_open=False, max_size=server.QUEUE_SIZE, default_concurrency_limit=4)
    return demo


def browser_half(suffix: str) -> str:
    """All scripts or style sheets of the page as one text; those that others extend come first."""
    first = ("words", "explorer")
    files = sorted(
        ASSETS.glob(f"*{suffix}"), key=lambda path: (*(path.stem != stem for stem in first), path.name)
    )
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def launch_settings(health: Health, bench: Workbench | None = None, *, mcp: bool = False) -> dict[str, Any]:
    """Everything for ``Blocks.launch`` but host and port; with a workbench the REST routes too.

    Raises:
        EmbedderError: MCP was asked for, and the package for it is not there.
    """
    if mcp:
        api.check_mcp()
        api.results_as_json()
    routes = (*rest.routes(bench), *run_hall.shared().files.routes()) if bench else ()
    return {
        "theme": theme.theme(),
        "css": browser_half(".css"),
        "head": f"<script>{texts.for_scripts()}{browser_half('.js')}</script>"
        "<script defer src='explorer/plotly.min.js'></script>",
        "app_kwargs": server.app_kwargs(health, routes, visitors.middleware(bench) if bench else ()),
        "root_path": visitors.root_path(bench),
        "max_file_size": bench.limits.upload_bytes if bench else server.MAX_FILE_SIZE,
        "prevent_thread_lock": True,
        "quiet": True,
        "show_error": False,
        "footer_links": [],
        "i18n": texts.translations(),
        "run_history": False,
        "enable_monitoring": False,
        "strict_cors": True,
        "share": False,
        "ssr_mode": False,
        "mcp_server": mcp,
        "pwa": False,
        "allowed_paths": [],
        "state_session_capacity": server.SESSIONS,
    }


def warm_up(bench: Workbench, health: Health) -> threading.Thread:
    """Let the model answer once in the background: /health is ready after that, or says why it failed.

    A model that answers quickly encodes the examples too, so that each tab's first view is there at once.
    """
    thread = answer_once(bench, health)
    threading.Thread(target=server.get_ready, name="get-ready", daemon=True).start()
    map_page.warm_up(bench)
    return thread


def answer_once(bench: Workbench, health: Health) -> threading.Thread:
    """What :func:`warm_up` does for one model; what all models share is left alone."""
    target = _not_warm if zero.is_lent() else _warm_up
    thread = threading.Thread(target=target, args=(bench, health), name="warm-up", daemon=True)
    thread.start()
    return thread


def _not_warm(bench: Workbench, health: Health) -> None:
    """A GPU that is lent by the call is not asked for on nobody's behalf."""
    bench.quick = False
    health.set("ready", "a GPU is lent for each call; none has been asked for yet")
    bench.warmed.set()


def _warm_up(bench: Workbench, health: Health) -> None:
    try:
        task = str(bench.model.tasks[0])
        # the first run pays for what is set up once, and any may meet a busy moment: the best one counts
        bench.quick = min(_answer_time(bench, task, attempt) for attempt in range(3)) < QUICK_SECONDS
    except Exception as error:  # whatever it is, the page must say it and /health must not say ready
        bench.quick = False
        health.set("failed", f"{type(error).__name__}: {error}")
    else:
        health.set("ready")
    bench.warmed.set()
    if bench.quick and examples.first_items():
        for role in ("query", "passage"):
            bench.run(examples.first_items(), task, role)


def _answer_time(bench: Workbench, task: str, attempt: int) -> float:
    """Seconds for a short text that is in no cache.

    Raises:
        RuntimeError: what came back is an error or no vector.
    """
    start = time.perf_counter()
    answer = bench.run([text_item(f"how long does a short text take? ({attempt})")], task, "query")
    if answer.problems or not np.isfinite(answer.vectors).all():
        raise RuntimeError(answer.problems.get(0, "the model's first vector is not finite"))
    return time.perf_counter() - start

"""A page with the Map tab alone, on a made collection of vectors: `many_points.py --points 50000 --port P`.

The vectors are those of 20 groups with noise, with a fixed seed; each item has metadata. It is a program of
its own, as a collection of the page holds 200 items.
"""

import argparse
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import gradio as gr
import numpy as np

from embedder import Embedder
from ui import map as map_page
from ui import shell
from ui.collection import Item
from ui.points import Points
from ui.server import Health
from ui.vectors import Workbench

GROUPS = 20
WORDS = (
    "river",
    "lantern",
    "copper",
    "meadow",
    "harbour",
    "violin",
    "granite",
    "orchard",
    "compass",
    "ember",
)


def made(count: int, dim: int = 128, seed: int = 7) -> Points:
    """Points around 20 directions, with the group, a number and a text that says both."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, GROUPS, count)
    vectors = rng.standard_normal((GROUPS, dim))[group] + rng.standard_normal((count, dim))
    price = rng.gamma(2.0, 10.0, count)
    items = [
        Item("text", f"{WORDS[at % 10]} {at}", text=f"{WORDS[at % 10]} number {at} of group {group[at]}")
        for at in range(count)
    ]
    metadata = [{"group": f"g{g:02d}", "price": float(p)} for g, p in zip(group, price, strict=True)]
    return Points.gather(items, vectors.astype(np.float32), metadata, name="made")


def page(bench: Workbench, points: Points) -> gr.Blocks:
    """An empty tab first, so that the map is opened by a click as in the app."""
    with gr.Blocks(analytics_enabled=False, fill_width=True) as demo:
        collection, brought = gr.State(()), gr.State(None)
        with gr.Tabs(elem_id="explorer-tabs"):
            with gr.Tab("Empty"):
                gr.HTML("<p id='ready'></p>")
            with gr.Tab("Map") as tab:
                map_page.build(bench, collection, tab, brought)
        demo.load(lambda: points, None, brought, api_visibility="private")
    demo.queue(api_open=False)
    return demo


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    bench, health = Workbench(Embedder.from_pretrained("mini", device="cpu")), Health()
    demo = page(bench, made(options.points))
    bench.warmed.set()
    map_page.warm_up(bench)
    settings = shell.launch_settings(health)
    demo.launch(server_name=options.host, server_port=options.port, **settings)
    health.set("ready")
    threading.Event().wait()


if __name__ == "__main__":
    main()

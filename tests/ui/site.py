"""The real page on a real port, in this process."""

import socket
from typing import Any

import gradio as gr
import httpx

from embedder import Embedder
from ui import server, shell
from ui.vectors import Workbench


class Served:
    """The page with everything beside it; ``client`` talks to it over HTTP."""

    def __init__(self, model: Embedder, argument: str, *, mcp: bool = False) -> None:
        self.bench = Workbench(model, model_argument=argument)
        self.bench.warmed.set()
        self.health = server.Health()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.demo: gr.Blocks = shell.page(self.bench)
        settings: dict[str, Any] = shell.launch_settings(self.health, self.bench, mcp=mcp)
        self.demo.launch(server_name="127.0.0.1", server_port=port, **settings)
        self.client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def close(self) -> None:
        """End it."""
        self.client.close()
        self.demo.close(verbose=False)

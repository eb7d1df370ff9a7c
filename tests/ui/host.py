"""A host as app.py makes it: models, pages and caps, on a real port, in this process."""

import json
import socket
from collections.abc import Sequence
from typing import Any

import httpx

from ui import server, shell
from ui.limits import Limits
from ui.models import Models


class Host:
    """The program without its command line; ``client`` talks to it over HTTP."""

    def __init__(self, named: Sequence[str], limits: Limits) -> None:
        self.models = Models(named, device="cpu", precision="float32", limits=limits)
        bench = self.models.start()
        bench.warmed.set()
        self.demo = self.models.open(shell.page)
        settings: dict[str, Any] = shell.launch_settings(server.Health(), bench)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.demo.launch(server_name="127.0.0.1", server_port=port, **settings)
        self.models.launched(settings, shell.answer_once)
        self.client = httpx.Client(base_url=self.url, timeout=120, trust_env=False)

    def page(self, query: str = "") -> dict[str, Any]:
        """The configuration that a browser finds in the page."""
        text = self.client.get(f"/{query}").text
        start = text.index("window.gradio_config = ") + len("window.gradio_config = ")
        found: dict[str, Any] = json.JSONDecoder().raw_decode(text[start:])[0]
        return found

    def ends(self, query: str = "") -> set[float]:
        """Where the page's sliders end: those of dimensions at the model's width."""
        parts = self.page(query)["components"]
        return {part["props"]["maximum"] for part in parts if part["type"] == "slider"}

    def close(self) -> None:
        """End it."""
        self.client.close()
        self.demo.close(verbose=False)

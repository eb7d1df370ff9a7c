"""What the tests of the REST interface share."""

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from tests.ui.site import Served

EXAMPLES = Path(__file__).parents[3] / "assets" / "examples"
PICTURE = EXAMPLES / "red-circle.png"
PACKED = base64.b64encode(PICTURE.read_bytes()).decode()


def post(site: Served, **body: Any) -> httpx.Response:
    content = json.dumps({"model": "mini", "input": "a text", **body})  # lone surrogates pass, escaped
    return site.client.post("/v1/embeddings", content=content, headers={"content-type": "application/json"})


def vectors(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.array([row["embedding"] for row in answer.json()["data"]], dtype=np.float32)

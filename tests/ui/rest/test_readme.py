"""What the README shows of the REST interface runs."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.mini import DIM
from tests.ui.rest.steps import EXAMPLES
from tests.ui.site import Served

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
SHOWN = "http://127.0.0.1:7860"


def test_the_readme_s_curl_line_runs(site: Served) -> None:
    (lines,) = [block for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) if "/v1/" in block]
    done = subprocess.run(
        ["sh", "-eu", "-c", lines.replace(SHOWN, site.url)],
        cwd=EXAMPLES.parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert [len(row["embedding"]) for row in json.loads(done.stdout)["data"]] == [64, 64]


def test_the_readme_s_client_runs(site: Served, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```py\n(.*?)```", README, re.DOTALL)
    exec(compile(code.replace(SHOWN, site.url), "README", "exec"), {})
    assert capsys.readouterr().out.split()[0] == str(DIM)


def test_the_readme_names_every_field() -> None:
    from ui.rest_body import FIELDS, FORMATS

    section = README.split("## From other programs")[1].split("\n## ")[0]
    plain = {"prompt_name", "late_chunking", "user"}  # said beside others, refused, and ignored
    missing = [name for name in (*FIELDS, *FORMATS) if name not in plain and f"`{name}`" not in section]
    assert not missing

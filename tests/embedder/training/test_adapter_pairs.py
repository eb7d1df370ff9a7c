"""Files of pairs: what is taken, what is refused and how, and what is held out."""

import json

import numpy as np
import pytest
from PIL import Image

from embedder import InputError
from embedder.training.__main__ import main
from embedder.training.adapter_options import AdapterOptions
from embedder.training.adapter_pairs import Pair, Side, read_pairs
from embedder.training.adapter_scores import _metrics
from embedder.training.adapter_split import as_search, beside, connected, split
from tests.embedder.training import german


def write(folder, *lines):
    path = folder / "pairs.jsonl"
    path.write_bytes(
        b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    )
    return path


def test_halves_of_characters_are_replaced(tmp_path):
    (pair,) = read_pairs(write(tmp_path, b'{"query": "a\\ud83db", "passage": "\\ud83d\\ude00"}')).pairs
    assert (pair.query.text, pair.passage.text) == ("a\ufffdb", "\U0001f600")


def texts(count):
    return [{"query": f"q{n}", "passage": f"p{n}"} for n in range(count)]


def test_all_forms_are_read(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    path = write(
        tmp_path,
        b"\xef\xbb\xbf" + json.dumps({"query": "q", "passage": "p"}).encode(),
        b"",
        {"anchor": {"text": "q2"}, "positive": {"image": "a.png", "text": "t"}, "negative": "no"},
        {"query": {"image": "a.png"}, "passage": "p3", "negatives": [{"text": "x"}, "y"]},
        {"query": "q", "passage": {"text": "p"}, "negatives": None},
    )
    found = read_pairs(path)
    image = tmp_path / "a.png"
    assert [pair.line for pair in found.pairs] == [1, 3, 4]
    assert found.repeated == 1 and found.pictures == 1
    assert found.pairs[1] == Pair(3, Side("q2"), Side("t", image), (Side("no"),))
    assert found.pairs[2].negatives == (Side("x"), Side("y"))
    assert [side.value for side in (Side("t"), Side(None, image), Side("t", image))] == [
        "t", image, {"text": "t", "image": image}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "line 2: is not JSON"),
        (b"\xff\xfe", "line 2: is not UTF-8"),
        ([1], 'line 2: holds a list; expected {"query": SIDE'),
        ({"query": "q"}, 'line 2: "passage" is missing'),
        ({"query": "q", "passage": "p", "doc": 1}, 'line 2: has the field "doc", which nothing reads'),
        ({"query": "q", "anchor": "q", "passage": "p"}, 'has "query" twice, once as "anchor"'),
        ({"query": " ", "passage": "p"}, "\"query\" has the text ' '; expected a str that is not blank"),
        ({"query": 3, "passage": "p"}, '"query" is int; expected a text'),
        ({"query": {"picture": "x"}, "passage": "p"}, "\"query\" is ['picture']; expected a text"),
        ({"query": "q", "passage": {"image": "none.png"}}, "image 'none.png' does not exist (looked for"),
        ({"query": "q", "passage": {"image": "https://a/b.png"}}, "nothing is fetched; download it"),
        ({"query": "q", "passage": {"image": "pairs.jsonl"}}, "looks like no picture; convert it"),
        ({"query": "q", "passage": "p", "negatives": ["x", "p"]}, "item 2 is the passage itself"),
    ],
)
def test_bad_lines_are_named(tmp_path, line, said, capsys):
    path = write(tmp_path, {"query": "q", "passage": "p"}, line)
    with pytest.raises(InputError) as raised:
        read_pairs(path)
    assert said in str(raised.value)
    assert main(["adapter", "--pairs", str(path), "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()  # nothing begins before all lines are good


def test_many_bad_lines_are_counted(tmp_path):
    with pytest.raises(InputError, match=r"line 5: .*\n  \.\.\. and 4 more lines"):
        read_pairs(write(tmp_path, *[{"query": "q"}] * 9))


def test_a_missing_file_and_too_few_pairs_are_refused(tmp_path, capsys):
    assert main(["adapter", "--pairs", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert "No such file or directory; give a JSONL file" in capsys.readouterr().err
    path = write(tmp_path, *texts(9))
    assert main(["adapter", "--pairs", str(path), "--out", str(tmp_path / "out")]) == 2
    assert "9 different pairs, 2 of them to be held out, leave 7 to train with; at least 8" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--batch", "1"], "--batch 1: expected at least 2"),
        (["--rate", "0"], "--rate 0: expected a number above 0"),
        (["--rate", "nan"], "--rate nan: expected a number above 0"),
        (["--val-share", "1"], "--val-share 1: expected from 0 to below 1"),
        (["--precision", "int8"], "train in bfloat16 or float32"),
        (["--passage-prompt", "doc"], "--passage-prompt 'doc': one of query, passage"),
        (["--dims", "64,4096"], "--dims 4096: mini has widths from 1 to"),
        (["--task", "poems"], "--task 'poems': one of retrieval, text-matching, code, 'fresh', or a folder"),
        (["--rank", "3"], "--rank 3: the adapter 'retrieval' to start from has 16"),
    ],
)
def test_wrong_options_are_refused(tmp_path, options, said, capsys):
    path = write(tmp_path, *texts(20))
    assert main(["adapter", "--pairs", str(path), "--out", str(tmp_path / "out"), *options]) == 2
    assert said in capsys.readouterr().err


def test_an_adapter_of_other_origin_is_kept(tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "adapter_config.json").write_text("{}")
    assert main(["adapter", "--pairs", str(write(tmp_path, *texts(20))), "--out", str(out)]) == 2
    assert "of another origin; give another --out" in capsys.readouterr().err
    assert (out / "adapter_config.json").read_text() == "{}"


def test_pairs_that_share_a_side_stay_together():
    pairs = [Pair(n, Side(f"q{n}"), Side(f"p{n % 30}")) for n in range(60)]
    pairs.append(Pair(60, Side("p0"), Side("p1")))  # a passage asked as a query
    parts = split(pairs, 0.2, seed=3)
    assert 8 <= len(parts.held_out) <= 12 and len(parts.train) + len(parts.held_out) == 61
    sides = [
        {side for pair in part for side in (pair.query, pair.passage)}
        for part in (parts.train, parts.held_out)
    ]
    assert not sides[0] & sides[1]
    assert sorted(map(len, connected(pairs))) == [2] * 28 + [5]
    assert split(pairs, 0.2, seed=3) == parts != split(pairs, 0.2, seed=4)


def test_one_knot_of_pairs_cannot_be_held_out():
    pairs = [Pair(n, Side(f"q{n}"), Side("p")) for n in range(40)]
    with pytest.raises(InputError, match="of 40 pairs 40 hang together .* --val-pairs FILE"):
        split(pairs, 0.1, seed=0)
    assert len(split(pairs, 0, seed=0).train) == 40


def test_queries_of_a_file_of_held_out_pairs_are_not_trained_with():
    pairs = [Pair(n, Side(f"q{n}"), Side(f"p{n}")) for n in range(20)]
    parts = beside(pairs, [Pair(1, Side("q3"), Side("new")), Pair(2, Side("q99"), Side("p5"))])
    assert parts.left_out == 1 and Side("q3") not in {pair.query for pair in parts.train}
    with pytest.raises(InputError, match="7 of 20 different pairs have a query that is not in --val-pairs"):
        beside(pairs, pairs[:13])


def test_metrics_are_those_of_eval():
    """Several relevant documents and equal scores: the relevant ones come last among equals."""
    from eval.metrics import ndcg

    pairs = [
        Pair(1, Side("a"), Side("x"), (Side("n"),)),
        Pair(2, Side("a"), Side("y")),
        Pair(3, Side("b"), Side("y")),
    ]
    search = as_search(pairs)
    assert search.gallery == (Side("x"), Side("n"), Side("y"))
    assert search.relevant == ((0, 2), (2,))
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((2, 15)).astype(np.float32)
    for relevant in (((0, 2), (2,)), ((1, 5, 9), (14,))):
        found = _metrics(scores, relevant)["nDCG@10"]
        for row, right, value in zip(scores, relevant, found, strict=True):
            gains = [int(i in right) for i in np.argsort(-row)]
            assert value == pytest.approx(ndcg(gains, [1] * len(right), 10))
    even = _metrics(np.zeros((1, 15), np.float32), ((3,),))
    assert even["nDCG@10"][0] == 0 and even["R@1"][0] == 0


def test_prompts_widths_and_rates_follow_the_model(tmp_path):
    from embedder.spec import JINA_V4
    from tests.mini import SPEC

    options = AdapterOptions(pairs=tmp_path / "p", out=tmp_path / "o", task="text-matching")
    small, large = options.settle(SPEC, 30), options.settle(JINA_V4, 6400)
    assert (small.passage_prompt, small.batch, small.steps, small.rate) == ("query", 30, 10, 1e-3)
    assert (large.batch, large.steps, large.rate, large.temperature) == (64, 1000, 1e-4, 0.02)
    assert large.dims == JINA_V4.matryoshka_dims and small.dims[-1] == SPEC.dim
    assert AdapterOptions(pairs=tmp_path, out=tmp_path).settle(SPEC, 30).passage_prompt == "passage"


def test_the_example_file_is_what_its_maker_makes():
    assert german.FILE.read_text(encoding="utf-8") == german.lines(german.captions(400))

"""Charts and emoji: what is relevant follows from what is shown; what is not installed is said."""

from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from embedder.errors import InputError
from embedder.training import data_text, emoji_pictures
from embedder.training.charts import is_held_out, tell
from embedder.training.sizes import tell as tell_size
from eval import benchmarks
from eval.__main__ import main
from eval.benchmarks import charts, drawn_groups, drawn_sizes, emoji, packages, titles


def test_charts_that_show_all_of_it_are_right_and_those_near_it_are_near() -> None:
    shown = charts.sample_shown(charts.ASKED, np.random.default_rng(0))
    found = charts.charts("charts")
    assert len(found.corpus) == len(shown) == 400
    for number, text in enumerate(found.queries.inputs[: charts.ASKED]):
        gains = found.relevance[number]
        kind, subject, feature = shown[2 * number]
        assert text == tell(kind, subject, feature) and gains[2 * number] == 2
        for row, facts in enumerate(shown):
            expected = 2 if facts == (kind, subject, feature) else int(facts[:2] == (kind, subject))
            assert gains.get(row, 0) == expected
    rising = list(found.queries.inputs).index("a line that rises")
    assert found.relevance[rising] == {
        row: 1 for row, facts in enumerate(shown) if facts[0] == "line" and facts[2] == "rises"
    }


def test_charts_ask_for_what_training_leaves_out_beside_one_wrong_in_one_thing() -> None:
    shown = charts.sample_shown(charts.ASKED, np.random.default_rng(1))
    right, wrong = shown[::2], shown[1::2]
    assert len(set(right)) == charts.ASKED and all(map(is_held_out, right))
    assert all(
        sum(a != b for a, b in zip(*pair, strict=True)) == 1 for pair in zip(right, wrong, strict=True)
    )
    assert {facts[0] for facts in right} == {"bar", "line", "pie", "scatter"}


def test_charts_depend_on_the_seed() -> None:
    made = [charts.charts("c", seed=seed, asked=8).fingerprint for seed in (0, 0, 1)]
    assert made[0] == made[1] != made[2]


def test_groups_ask_beside_one_wrong_in_one_thing() -> None:
    pairs = drawn_groups.sample_pairs(60, np.random.default_rng(0))
    assert not any(right.same(wrong) for right, wrong in pairs)
    shown = [
        tuple(sorted((one.colour, one.shape) for one in group.things)) for pair in pairs for group in pair
    ]
    assert len(set(shown)) == len(shown), "no two of all show the same"
    assert sum(right.counted for right, _ in pairs) == 20
    found = benchmarks.load("groups")
    assert (len(found.corpus), len(found.queries)) == benchmarks.BUNDLED["groups"].size() == (400, 200)
    assert all(found.relevance[row] == {2 * row: 1} for row in range(200))
    assert (
        found.fingerprint
        == benchmarks.load("groups").fingerprint
        != benchmarks.load("groups", seed=1).fingerprint
    )


@pytest.fixture
def dictionary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A WordNet and a CLDR of a few entries of our own, in their formats."""
    net, names = tmp_path / "net", tmp_path / "cldr"
    net.mkdir()
    for part in data_text.PARTS_OF_SPEECH:
        rows = [f"{n:08d} 03 n 01 {part}word{n} 0 000 | what the {part} {n} means" for n in range(120)]
        (net / f"data.{part}").write_text("  1 a line of licence\n" + "\n".join(rows) + "\n")
    for language in ("en", *data_text.LANGUAGES):
        for folder in ("annotations", "annotationsDerived", "main"):
            (names / folder).mkdir(parents=True, exist_ok=True)
            terms = "".join(f'<territory type="T{n}">{language} land {n}</territory>' for n in range(200))
            (names / folder / f"{language}.xml").write_text(f"<ldml>{terms}</ldml>")
    monkeypatch.setattr(data_text, "WORDNET", net)
    monkeypatch.setattr(data_text, "CLDR", names)
    return tmp_path


def test_words_ask_for_what_training_leaves_out(dictionary: Path) -> None:
    found = benchmarks.load("definitions")
    out = [pair for pair in data_text.wordnet_glosses(dictionary / "net") if pair.held_out]
    assert 0 < len(out) == len(found.corpus) == len(found.queries)
    documents = list(found.corpus.inputs)
    for row, word in enumerate(found.queries.inputs):
        assert [documents[at] for at in found.relevance[row]] == [
            pair.right for pair in out if pair.left == word
        ]
    named = benchmarks.load("names")
    assert set(named.corpus.inputs) == {
        pair.left for pair in data_text.translations(dictionary / "cldr") if pair.held_out
    }
    assert all(not text.startswith("en ") for text in named.queries.inputs)


def test_words_without_their_package_are_listed_with_the_line_to_run(dictionary: Path) -> None:
    (dictionary / "net" / "data.noun").unlink()
    assert "definitions" not in benchmarks.expand(["bundled"]) and "names" in benchmarks.expand(["bundled"])
    with pytest.raises(InputError, match="not installed here: run `apt-get install wordnet-base`"):
        benchmarks.load("definitions")


def test_lines_about_packages_ask_for_their_descriptions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "LISTS", tmp_path)
    assert packages.missing() == "not installed here: run `apt-get -o Acquire::Languages=en update`"
    with pytest.raises(InputError, match="'packages': not installed here: run `apt-get"):
        benchmarks.load("packages")
    entry = "Package: p{0}\nDescription-en: program number {0}\n It counts to {0}.\n .\n {1}\n"
    entries = [entry.format(n, "Then it stops. " * 9) for n in range(20)]
    entries += [entries[3], entry.format(99, "Too short.")]
    (tmp_path / "archive_Translation-en").write_text("\n".join(entries))
    (tmp_path / "small_Translation-en").write_text(entries[0])
    found = benchmarks.load("packages")
    assert (len(found.corpus), len(found.queries)) == packages.size() == (20, 20)
    for row, line in enumerate(found.queries.inputs):
        (document,) = found.relevance[row]
        assert list(found.corpus.inputs)[document].startswith(f"It counts to {line.split()[-1]}. Then")
    assert benchmarks.load("packages", seed=1).fingerprint != found.fingerprint
    (tmp_path / "broken_Translation-en.lz4").write_bytes(b"no list" * 9999)
    monkeypatch.setattr(packages, "HELPER", Path("/bin/false"))
    with pytest.raises(InputError, match="broken_Translation-en.lz4 cannot be unpacked .*: run `apt-get"):
        benchmarks.load("packages")


@pytest.fixture
def letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A font and a list of names as Debian installs them, of a few letters instead of emoji."""
    font, names = tmp_path / "font.ttf", tmp_path / "en.xml"
    font.write_bytes(ImageFont.load_default(20).path.getvalue())
    signs = {
        "A": ("first", "early | letter | vowel"),
        "B": ("second", "early | letter"),
        "E": ("vowel", "letter"),
        "\ue000": ("unknown", "early"),  # the font has no picture of it
        "AB": ("both", "early"),  # not one character
    }
    rows = [
        f'<annotation cp="{sign}">{words}</annotation><annotation cp="{sign}" type="tts">{name}</annotation>'
        for sign, (name, words) in signs.items()
    ]
    names.write_text(f"<ldml><annotations>{''.join(rows)}</annotations></ldml>")
    for name, value in {"FONT": font, "NAMES": names, "PACKAGES": {font: "a-font", names: "a-list"}}.items():
        monkeypatch.setattr(emoji_pictures, name, value)
    for cached in (emoji_pictures.font, emoji_pictures.known, emoji_pictures.glyph):
        cached.cache_clear()
    yield tmp_path
    for cached in (emoji_pictures.font, emoji_pictures.known, emoji_pictures.glyph):
        cached.cache_clear()


def test_names_and_keywords_ask_for_emoji(letters: Path) -> None:
    found = benchmarks.load("emoji")
    assert list(found.corpus.ids) == ["U+0041", "U+0042", "U+0045"] and found.corpus.pictures == 3
    asked = dict(zip(found.queries.inputs, found.relevance.values(), strict=True))
    assert asked == {
        "first": {0: 2}, "second": {1: 2}, "vowel": {2: 2},
        "early": {0: 1, 1: 1}, "letter": {0: 1, 1: 1, 2: 1},
    }  # fmt: skip
    assert emoji.size() == (3, 5)
    assert all(np.asarray(picture).min() < 100 for picture in found.corpus.inputs)


def test_emoji_without_their_font_are_listed_with_the_line_to_run(
    letters: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (letters / "font.ttf").unlink()
    assert "emoji" not in benchmarks.expand(["bundled"])
    with pytest.raises(InputError, match="'emoji': not installed here: run `apt-get install a-font`"):
        benchmarks.load("emoji")
    assert main(["list"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("emoji"))
    assert line.endswith("run `apt-get install a-font`") and line.split()[4:6] == ["-", "-"]
    (letters / "en.xml").unlink()
    assert emoji.missing() == "not installed here: run `apt-get install a-font a-list`"


@pytest.mark.skipif(emoji.missing() is not None, reason=f"emoji: {emoji.missing()}")
def test_the_font_of_this_machine_gives_a_benchmark() -> None:
    documents, queries = emoji.size()
    assert documents > 1000 and queries > documents


def test_sizes_ask_beside_one_wrong_in_one_thing() -> None:
    pairs = drawn_sizes.sample_shown(60, np.random.default_rng(0))
    told = [min(tell_size(one), tell_size(one.mirrored())) for pair in pairs for one in pair]
    assert len(set(told)) == len(told), "no two of all show the same"
    assert sum(right.scene.second is None for right, _ in pairs) == 30
    assert sum(right.first != wrong.first for right, wrong in pairs) == 20
    found = benchmarks.load("sizes")
    assert (len(found.corpus), len(found.queries)) == benchmarks.BUNDLED["sizes"].size() == (400, 200)
    assert all(found.relevance[row] == {2 * row: 1} for row in range(200))
    assert found.fingerprint != benchmarks.load("sizes", seed=1).fingerprint


def test_titles_ask_for_their_pages_and_words_for_all_that_bear_them(dictionary: Path) -> None:
    (dictionary / "net" / "cntlist.rev").write_text("window%1:06:00:: 1 9\n")
    shown = titles.sample_titles(titles.PAGES, np.random.default_rng(0))
    found = benchmarks.load("pages")
    assert (len(found.corpus), len(found.queries)) == titles.size()
    for text, gains in zip(found.queries.inputs, found.relevance.values(), strict=True):
        words = text.split()
        own = [row for row, title in enumerate(shown) if list(title) == words]
        bearers = [row for row, title in enumerate(shown) if words[0] in title] if len(words) == 1 else []
        expected = dict.fromkeys(bearers if len(bearers) > 1 else [], 1) | dict.fromkeys(own, 2)
        assert gains == expected
    assert {text for text in found.queries.inputs if " " in text} == {
        " ".join(t) for t in shown if len(t) > 1
    }


def test_pages_without_their_words_are_listed_with_the_line_to_run(dictionary: Path) -> None:
    assert "pages" not in benchmarks.expand(["bundled"])
    with pytest.raises(InputError, match="'pages': not installed here: run `apt-get install"):
        benchmarks.load("pages")

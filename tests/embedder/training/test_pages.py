"""Pages: words by how often they are tagged, letters where their labels say they are."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ImageFont

from embedder.training import data_text, held_out_renderer, page_pictures, pages, worlds
from embedder.training.letters import NONE, LetterHeads
from embedder.training.network import patch_places


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fonts and counts where Debian's packages would put them: Pillow's own face, and three nouns of ours."""
    face = ImageFont.load_default(20).path.getvalue()
    for file in (file for files in page_pictures.FACES.values() for file in files):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(face)
    counts = [f"{word}%1:00:00:: 1 9" for word in ("window", "hall", "other")]
    (tmp_path / pages.COUNTS).write_text("\n".join(counts) + "\n")
    monkeypatch.setattr(page_pictures, "FONTS", tmp_path)
    monkeypatch.setattr(data_text, "WORDNET", tmp_path)
    page_pictures._sized.cache_clear()
    yield
    page_pictures._sized.cache_clear()


def test_words_are_those_of_titles_and_the_most_tagged_short_nouns(tmp_path: Path) -> None:
    senses = [
        "time%1:28:00:: 1 9", "time%1:11:00:: 2 4", "thing%1:27:00:: 1 10", "ox%1:05:00:: 1 99",
        "go%2:38:00:: 1 99", "see%2:39:00:: 1 99", "understanding%1:09:00:: 1 99", "day%1:28:00:: 1 2",
        "water%1:27:00:: 1 1", "report%1:10:00:: 1 50",
    ]  # fmt: skip
    (tmp_path / "cntlist.rev").write_text("\n".join(senses) + "\n")
    own = len(pages.TITLE_WORDS)
    found = pages.vocabulary(tmp_path, own + 2)
    assert found[:own] == pages.TITLE_WORDS and found[own:] == ("time", "thing")
    assert pages.vocabulary(tmp_path, own + 9)[own:] == ("time", "thing", "day", "water")
    titles = [pages.sample_title(np.random.default_rng(seed), ("a", "b", "c")) for seed in range(60)]
    assert {len(title) for title in titles} == {1, 2, 3} and all(len(set(t)) == len(t) for t in titles)


def test_what_is_missing_is_said_with_the_line_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_pictures, "FONTS", tmp_path)
    assert (page_pictures.missing() or "").endswith(
        "run `apt-get install fonts-dejavu-core fonts-liberation fonts-lato fonts-open-sans`"
    )
    assert "pages" not in {world.name for world in worlds.all_worlds(2, 0)}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("seed", range(12))
def test_letters_are_where_the_boxes_say(seed: int) -> None:
    title = ("window", "hall")
    rng = np.random.default_rng(seed)
    page = page_pictures.draw_page(title, 224, rng)
    assert page.image.size == (224, 224)
    assert "".join(letter for letter, _, _ in page.letters) == "windowhall"
    pixels = np.asarray(page.image.convert("L"), dtype=np.float64)
    for _, _, box in page.letters:
        assert min(box) >= 0 and max(box) <= 1.02
        left, top, right, bottom = (round(224 * value) for value in box)
        inside = pixels[top:bottom, left : right + 1]
        assert inside.max() - inside.min() > 60, "ink and ground"


def test_labels_name_the_letter_of_a_patch_and_the_word_of_a_token() -> None:
    heads = LetterHeads(8, 16, ("window", "hall", "other"))
    page = page_pictures.Page(
        page_pictures.Image.new("RGB", (112, 112)), (),
        (("h", 1, (0.0, 0.5, 0.25, 0.75)), ("a", 1, (0.25, 0.5, 0.5, 0.75)), ("w", 0, (0.75, 0.0, 1.0, 0.2))),
    )  # fmt: skip
    letters, words = heads.labels(page, ("window", "hall"), (8, 8))
    rows, columns = (part.numpy() for part in patch_places((8, 8)))
    grid = np.full((8, 8), -1)
    grid[rows, columns] = letters
    assert (grid[4:6, 0:2] == 7).all() and (grid[4:6, 2:4] == 0).all() and (grid[0:2, 6:8] == 22).all()
    assert (grid[6:] == NONE).all() and (grid[2:4] == NONE).all()
    tokens = words.reshape(4, 4)
    assert (
        tokens[2].tolist() == [1, 1, 3, 3] and tokens[0].tolist() == [3, 3, 3, 0] and (tokens[1] == 3).all()
    )
    states, features = torch.zeros(1, 64, 8), torch.zeros(1, 16, 16)
    losses = heads.losses(states, features, [(letters, words)])
    assert set(losses) == {"letters", "words"} and all(value.item() > 0 for value in losses.values())
    heads.word.weight.data.zero_()
    heads.word.bias.data = torch.tensor([1.0, 2.0, 0.0, 3.0])  # always "no word", then always "hall"
    assert heads.right(features, [(letters, words)]) == 0
    heads.word.bias.data[3] = 0.0
    assert heads.right(features, [(letters, words)]) == pytest.approx(2 / 3)


@pytest.mark.usefixtures("installed")
def test_the_world_has_each_word_alone_and_places_as_facts() -> None:
    assert worlds.missing_pages() is None
    world = next(world for world in worlds.all_worlds(10, 0) if world.name == "pages")
    words = pages.vocabulary()
    assert len(words) == len(pages.TITLE_WORDS) + 3 and world.spelt is not None
    assert len(world.targets) == len(world.spelt) == len(world.facts) == len(words) + 20
    assert {title[0] for title in world.spelt if len(title) == 1} >= set(words)
    for title, fact, (query, _) in zip(world.spelt, world.facts, world.tellings, strict=True):
        assert tuple(word for word in fact if word) == title and query == " ".join(title)
    page = world.draw(len(words), 112, np.random.default_rng(0))
    assert isinstance(page, page_pictures.Page)
    assert "".join(letter for letter, _, _ in page.letters) == "".join(world.spelt[len(words)])


def test_the_held_out_page_keeps_its_title_in_the_picture() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        title = [("movement", "maturity", "darkness"), ("eye",), ("good", "guest")][seed % 3]
        picture = held_out_renderer.render_page(title, 224, rng)
        pixels = np.asarray(picture.convert("L"), dtype=np.int64)
        paper = pixels[2, 2]
        assert (np.abs(pixels[:, 215:] - paper) < 30).all() and (np.abs(pixels[13:60] - paper) > 90).any()

"""Draw the example pictures and write the example sets: ``python -m ui.make_examples``.

Everything is of this project's own making: pictures drawn by its renderer in its quiet style, sentences and
short programs written for it. Seeded: the same command gives the same files.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from embedder.training.chart_pictures import Style
from embedder.training.chart_pictures import draw as draw_chart
from embedder.training.charts import make
from embedder.training.group_pictures import draw_group
from embedder.training.groups import Group
from embedder.training.held_out_renderer import render_page
from embedder.training.renderers import CLEAN, draw
from embedder.training.scenes import Scene, Thing
from embedder.training.sizes import LARGE, SMALL, Sized, draw_sized_placed, tell
from ui.examples import FOLDER

SIDE = 168
"""Pixels; six of the 28-pixel tokens a side."""
SEED = 14  # of 24 seeds the miniature puts every caption next to its own picture in 22, and in this one

PAIRS = (
    ("red circle", "above", "blue square"),
    ("blue square", "above", "red circle"),
    ("yellow star", "left", "green triangle"),
    ("green triangle", "left", "yellow star"),
    ("purple heart", "above", "orange ring"),
    ("orange heart", "above", "purple ring"),
)
CAPTIONS = (
    "a red circle above a blue square",
    "a blue square above a red circle",
    "a yellow star to the left of a green triangle",
    "a green triangle to the left of a yellow star",
    "a purple heart over an orange ring",
    "an orange heart over a purple ring",
)
SINGLES = (
    "red circle", "red square", "red star", "blue circle", "blue square", "blue star",
    "green circle", "green square", "green star", "yellow circle", "yellow square", "yellow star",
)  # fmt: skip
GROUPS = {
    "two blue stars": ["blue star"] * 2,
    "three blue stars": ["blue star"] * 3,
    "four blue stars": ["blue star"] * 4,
    "three red circles": ["red circle"] * 3,
    "a red circle, a blue square and a green star": ["red circle", "blue square", "green star"],
    "a blue circle, a red square and a green star": ["blue circle", "red square", "green star"],
    "a green circle, a blue square and a red star": ["green circle", "blue square", "red star"],
}
CHARTS = {
    "a line that rises": ("line", "rainfall", "rises"),
    "a line that falls": ("line", "rainfall", "falls"),
    "a line that rises and then falls": ("line", "rainfall", "peaks"),
    "a line that stays level": ("line", "rainfall", "stays"),
    "a scatter plot of two things that rise together": ("scatter", "height and weight", "together"),
    "a scatter plot of two things that are unrelated": ("scatter", "height and weight", "unrelated"),
    "a bar chart of prices in which apples are largest": ("bar", "prices", "apples"),
    "a pie chart of prices in which apples are largest": ("pie", "prices", "apples"),
}
SIZES = (
    Sized(Scene(Thing("red", "circle")), SMALL),
    Sized(Scene(Thing("red", "circle")), LARGE),
    Sized(Scene(Thing("blue", "star")), SMALL),
    Sized(Scene(Thing("blue", "star")), LARGE),
    Sized(Scene(Thing("green", "square"), "above", Thing("yellow", "heart")), SMALL),
    Sized(Scene(Thing("green", "square"), "above", Thing("yellow", "heart")), LARGE),
    Sized(Scene(Thing("yellow", "heart"), "above", Thing("green", "square")), SMALL),
    Sized(Scene(Thing("yellow", "heart"), "above", Thing("green", "square")), LARGE),
)
TITLES = (
    "annual report", "budget report", "weather report", "travel budget", "garden plan", "flight plan",
    "winter garden", "science museum", "computer science", "health insurance", "final exam", "coffee recipe",
)  # fmt: skip
QUIET = Style(ground=(250, 249, 246), dots=True)
WORDS = {
    "Norway": ("Norway", "Norwegen", "Norvège", "Noruega"),
    "Egypt": ("Egypt", "Ägypten", "Égypte", "Egipto"),
    "Greece": ("Greece", "Griechenland", "Grèce", "Grecia"),
    "Poland": ("Poland", "Polen", "Pologne", "Polonia"),
    "kilometre": ("kilometre", "Kilometer", "kilomètre", "kilómetro"),
}
CODE = {
    "Return the largest of several numbers.": """best = values[0]
for value in values[1:]:
    if value > best:
        best = value
return best""",
    "Read a JSON file into a dictionary.": """with open(path, encoding="utf-8") as file:
    return json.load(file)""",
    "Split a list into chunks of equal size.": """chunks = []
for start in range(0, len(items), size):
    chunks.append(items[start:start + size])
return chunks""",
    "Remove a directory and everything in it.": """if os.path.isdir(path):
    shutil.rmtree(path)""",
    "Compute the mean and the standard deviation.": """mean = sum(values) / len(values)
squares = sum((value - mean) ** 2 for value in values)
return mean, math.sqrt(squares / len(values))""",
    "Send an HTTP request and return the body.": """request = Request(url, headers=headers)
with urlopen(request, timeout=timeout) as response:
    return response.read()""",
    "Sort the keys of a dictionary by their values.": "return sorted(counts, key=counts.get, reverse=True)",
    "Parse a date written as year-month-day.": "return datetime.strptime(text, '%Y-%m-%d').date()",
}


def _thing(words: str) -> Thing:
    colour, shape = words.split()
    return Thing(colour, shape)


def _save(scene: Scene, name: str, rng: np.random.Generator) -> dict[str, str]:
    """Draw a scene, save it, and return its entry."""
    return _write(draw(scene, SIDE, rng, CLEAN), name)


def _write(picture: Image.Image, name: str) -> dict[str, str]:
    """Save a picture with few colours, and return its entry."""
    picture.quantize(64, dither=Image.Dither.NONE).save(FOLDER / f"{name}.png", optimize=True)
    return {"image": f"{name}.png", "label": name.replace("-", " ")}


def scene_set(rng: np.random.Generator) -> dict[str, Any]:
    """Pictures of two things, and sentences that differ only in order or colour."""
    scenes = [Scene(_thing(a), relation, _thing(b)) for a, relation, b in PAIRS]
    files = [f"{a}-{relation}-{b}".replace(" ", "-") for a, relation, b in PAIRS]
    pictures = [_save(scene, name, rng) for scene, name in zip(scenes, files, strict=True)]
    return {
        "name": "Scenes and captions",
        "about": "Six pictures and six captions that differ only in order or colour. Each caption should be "
        "nearest to its own picture: a bag of words could not tell them apart.",
        "query": "a red disc on top of a blue box",
        "items": [*({"text": caption} for caption in CAPTIONS), *pictures],
        "relevant": [[at, len(CAPTIONS) + at] for at in range(len(CAPTIONS))],
    }


def shape_set(rng: np.random.Generator) -> dict[str, Any]:
    """Twelve pictures of one thing each: three shapes in four colours, and words for some."""
    pictures = [_save(Scene(_thing(words)), words.replace(" ", "-"), rng) for words in SINGLES]
    texts = ["a red circle", "a blue star", "a green square", "a yellow star"]
    return {
        "name": "Shapes and colours",
        "about": "Three shapes in four colours, and words for four of them. Clustered, the pictures show "
        "whether the model sorts by colour or by shape.",
        "query": "a yellow star",
        "items": [*({"text": text} for text in texts), *pictures],
        "relevant": [[at, len(texts) + SINGLES.index(text[2:])] for at, text in enumerate(texts)],
    }


def group_set(rng: np.random.Generator) -> dict[str, Any]:
    """Several things, and sentences that differ in the number or in which colour goes with which shape."""
    pictures = []
    for told in GROUPS:
        group = Group(tuple(_thing(words) for words in GROUPS[told]))
        drawn = draw_group(group, SIDE, rng, CLEAN)
        pictures.append(_write(drawn, told.replace(",", "").replace(" ", "-")))
    return {
        "name": "Counts and groups",
        "about": "Two, three or four of one thing, and three different things. Which words change what is "
        "nearest to a picture: the number, the colour, or which colour goes with which shape? In one picture "
        "of ten the miniature prefers a wrong sentence.",
        "query": "a green star and a red square and a blue circle",
        "items": [*({"text": told} for told in GROUPS), *pictures],
        "relevant": [[at, len(GROUPS) + at] for at in range(len(GROUPS))],
    }


def chart_set(rng: np.random.Generator) -> dict[str, Any]:
    """Charts, and what is to be seen in them."""
    pictures = []
    for told, facts in CHARTS.items():
        chart = draw_chart(make(*facts, rng), SIDE, rng, QUIET)
        pictures.append(_write(chart, told.replace(" ", "-")))
    return {
        "name": "Charts",
        "about": "Lines, points, bars and shares, and sentences that say what is to be seen. Curves are told "
        "apart well, the names of bars and slices hardly: a picture is read at about 112 by 112 pixels.",
        "query": "points that rise together",
        "items": [*({"text": told} for told in CHARTS), *pictures],
        "relevant": [[at, len(CHARTS) + at] for at in range(len(CHARTS))],
    }


def size_set(rng: np.random.Generator) -> dict[str, Any]:
    """Small and large things, alone and beside each other."""
    told = [tell(sized) for sized in SIZES]
    pictures = [
        _write(draw_sized_placed(sized, SIDE, rng, CLEAN).image, name.replace(" ", "-"))
        for sized, name in zip(SIZES, told, strict=True)
    ]
    return {
        "name": "Small and large",
        "about": "One thing that is small or large in its picture, and pairs in which one is small and the "
        "other large. The miniature tells small from large where a thing is alone; which of two is the small "
        "one it cannot say, as it hardly tells the two sentences apart.",
        "query": "a big blue star",
        "items": [*({"text": text} for text in told), *pictures],
        "relevant": [[at, len(told) + at] for at in range(len(told))],
    }


def page_set(rng: np.random.Generator) -> dict[str, Any]:
    """Pages with titles in large type that share words."""
    pictures = [
        _write(render_page(tuple(t.split()), SIDE, rng), f"page-{t.replace(' ', '-')}") for t in TITLES
    ]
    return {
        "name": "Titles of pages",
        "about": "Twelve pages with a title in large type. The miniature reads 800 frequent words, one to "
        "three of them at a time, and nothing in small type: search for a title, or for a word that several "
        "share.",
        "query": "report",
        "items": [*({"text": title} for title in TITLES), *pictures],
        "relevant": [[at, len(TITLES) + at] for at in range(len(TITLES))],
    }


def language_set() -> dict[str, Any]:
    """Five words in four languages."""
    rows = [range(start, start + 4) for start in range(0, 4 * len(WORDS), 4)]
    return {
        "name": "Languages",
        "about": "Five words in English, German, French and Spanish. Blocks on the diagonal are translations "
        "that lie together. The miniature has seen lists of names in these languages, no running text.",
        "query": "Greece",
        "items": [{"text": word} for words in WORDS.values() for word in words],
        "relevant": [[a, b] for same in rows for a in same for b in same if a != b],
    }


def code_set() -> dict[str, Any]:
    """What a function is for, and its body."""
    return {
        "name": "Code",
        "about": "Eight descriptions and the eight bodies of Python functions they belong to. Compare the "
        "tasks retrieval and code.",
        "query": "Split a list into chunks of equal size.",
        "items": [{"text": text} for text in (*CODE, *CODE.values())],
        "relevant": [[at, len(CODE) + at] for at in range(len(CODE))],
    }


def main(folder: Path = FOLDER) -> None:
    """Write pictures and ``examples.json`` to ``assets/examples``."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    sets = [scene_set(rng), shape_set(rng), group_set(rng), chart_set(rng)]
    sets += [size_set(np.random.default_rng((SEED, 1))), page_set(np.random.default_rng((SEED, 2)))]
    sets += [language_set(), code_set()]
    text = json.dumps(sets, ensure_ascii=False, indent=1)
    (folder / "examples.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

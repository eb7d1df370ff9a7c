"""The stages in order, at two sizes: the miniature itself, and a smoke run that takes a minute."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from tokenizers import Tokenizer

from embedder.training import data_code, data_docs, data_text, pairs
from embedder.training import tokenizer as tokenizers_
from embedder.training.adapters_stage import AdapterSettings, add_adapters, silenced, train_adapters
from embedder.training.export import DTYPE, export, small_enough
from embedder.training.late_stage import LateSettings, train_late
from embedder.training.letters_stage import LetterSettings, train_letters
from embedder.training.mapping import install
from embedder.training.network import Miniature, Sizes
from embedder.training.pairs import PairSet
from embedder.training.progress import say
from embedder.training.settle_stage import SettleSettings, train_settle
from embedder.training.static_table import REFINE_WEIGHTS, StaticSettings, score_static, train_static
from embedder.training.text_stage import TextSettings, report, train_text
from embedder.training.unseen_pairs import TEMPERATURE, measure_unseen, train_unseen
from embedder.training.vision_stage import (
    BankSettings,
    CellSettings,
    CropSettings,
    calibrate,
    train_bank,
    train_cells,
    train_crops,
)
from embedder.training.widen import widen
from embedder.training.worlds_stage import WorldsSettings, train_worlds

LEARNED = (
    "static", "text", "crops", "cells", "bank", "settle", "letters", "worlds", "late", "eyes", "adapters",
)  # fmt: skip
STAGES = (*LEARNED, "export")
FROM_FUNCTIONS = ("body", "code", "details", "halves")
BESIDE = "unseen"
"""A further stage, run only when asked for: it measures the recipe, not the model."""

SIZES = Sizes(
    vocabulary=19_200,
    hidden=512,
    feed_forward=768,
    heads=8,
    kv_heads=2,
    dims=(16, 32, 64, 128, 256, 512),
    late=128,
)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result, besides the data found on the machine and the seed.

    Attributes:
        sizes: of the network.
        static, refine, text, crops, cells, bank, settle, letters, worlds, late, eyes, adapters: settings
            of the stages.
        few: use the standard library's first level only, no WordNet and no CLDR, 600 pairs of each source.
    """

    sizes: Sizes = SIZES
    static: StaticSettings = field(
        default_factory=lambda: StaticSettings(
            SIZES.vocabulary, SIZES.hidden - 1, (16, 32, 64, 128, 256, 511), steps=4000
        )
    )
    refine: StaticSettings = field(
        default_factory=lambda: StaticSettings(
            SIZES.vocabulary, SIZES.hidden - 1, (16, 32, 64, 128, 256, 511),
            steps=3300, rate=0.004, max_tokens=640, weights=REFINE_WEIGHTS,
        )
    )  # fmt: skip
    text: TextSettings = field(
        default_factory=lambda: TextSettings(steps=1000, order_steps=450, scenes=40, rate=5e-4)
    )
    crops: CropSettings = field(default_factory=CropSettings)
    cells: CellSettings = field(default_factory=CellSettings)
    bank: BankSettings = field(default_factory=lambda: BankSettings(language_factor=0.3, general_tokens=56))
    settle: SettleSettings = field(default_factory=SettleSettings)
    letters: LetterSettings = field(default_factory=LetterSettings)
    worlds: WorldsSettings = field(default_factory=WorldsSettings)
    adapters: AdapterSettings = field(default_factory=AdapterSettings)
    late: LateSettings = field(default_factory=LateSettings)
    eyes: WorldsSettings = field(
        default_factory=lambda: WorldsSettings(
            steps=6200, rate=5e-4, late_weight=0.4, stage="eyes", start="worlds", letters="worlds"
        )
    )
    few: bool = False


def smoke() -> Recipe:
    """The same recipe in under a minute: a quarter of the width, few steps, a handful of pairs."""
    sizes = Sizes(
        vocabulary=1500,
        hidden=64,
        layers=2,
        feed_forward=96,
        heads=4,
        kv_heads=2,
        dims=(16, 32, 64),
        late=16,
        vision_width=32,
        vision_depth=2,
        vision_feed_forward=64,
        vision_heads=2,
    )
    return Recipe(
        sizes=sizes,
        static=StaticSettings(1500, 63, (16, 32, 63), steps=60, batch=128),
        refine=StaticSettings(1500, 63, (16, 32, 63), steps=4, batch=128, weights=REFINE_WEIGHTS),
        text=TextSettings(steps=12, order_steps=6, scenes=8, general=8, general_tokens=24, warm_up=3),
        crops=CropSettings(steps=6, batch=16),
        cells=CellSettings(steps=4, batch=8),
        bank=BankSettings(
            steps=6, batch=8, anchors=4, general=4, general_tokens=16, warm_up=2, tellings=1, things=6
        ),
        settle=SettleSettings(steps=4, tokens=24, texts=8, anchors=4, frozen=64),
        letters=LetterSettings(steps=4, batch=8, titles=6),
        worlds=WorldsSettings(steps=4, batch=8, strangers=40, mixed=6),
        adapters=AdapterSettings(
            steps=6,
            batch=8,
            short_batch=8,
            seeds=2,
            tokens=24,
            pool=64,
            bank=64,
            drawn={"emoji": 12, "charts": 12, "counts": 12, "mixed": 6},
            world_batch=6,
        ),
        late=LateSettings(steps=6, batch=8, left=24, right=24, pool=64),
        eyes=WorldsSettings(
            steps=4,
            batch=8,
            strangers=40,
            mixed=6,
            late_weight=0.4,
            stage="eyes",
            start="worlds",
            letters="worlds",
        ),
        few=True,
    )


@dataclass(frozen=True)
class Data:
    """Tokenizer and pairs, training and held-out apart, and what the adapters learn from."""

    tokenizer: Tokenizer
    training: dict[str, PairSet]
    held_out: dict[str, PairSet]
    adapters: dict[str, PairSet]


def load_data(recipe: Recipe, runs: Path, extra: list[Path]) -> Data:
    """Read the sources, train the tokenizer, tokenise; kept in `runs`."""
    if not recipe.few:
        data_text.require()
    runs.mkdir(parents=True, exist_ok=True)
    code = data_code.cached(runs / "code.jsonl", extra, few=recipe.few)
    docs = data_docs.collect(extra)
    texts = [pairs.text_pairs(code, docs, held_out=flag, words=not recipe.few) for flag in (False, True)]
    if recipe.few:
        texts = [{name: found[:600] for name, found in part.items()} for part in texts]
    path = runs / "tokenizer.json"
    if not path.exists():
        say("training the tokenizer")
        tokenizers_.train(pairs.corpus(texts[0]), recipe.sizes.vocabulary).save(str(path))
    tokenizer = Tokenizer.from_file(str(path))
    training = pairs.encode(texts[0], tokenizer, runs / "ids")
    say("pairs: " + ", ".join(f"{name} {len(found)}" for name, found in training.items()))
    return Data(
        tokenizer,
        training,
        pairs.encode(texts[1], tokenizer),
        training | _for_adapters(recipe, tokenizer, runs, extra, code),
    )


def _for_adapters(
    recipe: Recipe, tokenizer: Tokenizer, runs: Path, extra: list[Path], code: list[data_code.CodePair]
) -> dict[str, PairSet]:
    """What functions give, of packages that the base has not seen; nothing where none is unpacked."""
    own = data_code.kept(
        runs / data_code.OWN_CODE, lambda: [] if recipe.few else data_code.collect_for_adapters(extra, code)
    )
    texts = pairs.text_pairs(own, held_out=False, words=False)
    some = {name: texts[name] for name in FROM_FUNCTIONS if texts[name]}
    return pairs.encode(some, tokenizer, runs / "ids-adapters")


class Run:
    """One training run: its data, its folder and its network, passed from stage to stage."""

    def __init__(self, recipe: Recipe, runs: Path, out: Path, seed: int, extra: list[Path]) -> None:
        self.recipe, self.runs, self.out, self.seed = recipe, runs, out, seed
        self.data = load_data(recipe, runs, extra)
        self.network = Miniature(recipe.sizes, tokenizers_.special_ids(self.data.tokenizer))
        self.network.initialise(seed)

    def run(self, until: str = STAGES[-1]) -> None:
        """All stages up to `until`; a stage that is finished already is only loaded."""
        work: dict[str, Callable[[], None]] = {
            "static": self.static,
            "text": self.text,
            "crops": self.crops,
            "cells": self.cells,
            "bank": self.bank,
            "settle": self.settle,
            "letters": self.letters,
            "worlds": self.worlds,
            "late": self.late,
            "eyes": self.eyes,
            "adapters": self.adapters,
            "export": self.export,
            BESIDE: self.unseen,
        }
        wanted = (*STAGES, BESIDE) if until == BESIDE else STAGES[: STAGES.index(until) + 1]
        for stage in wanted:
            say(f"stage {stage}")
            work[stage]()

    def static(self) -> None:
        """The token table, and its exact mapping into the network."""
        tokens = [
            self.data.tokenizer.decode([i], skip_special_tokens=False)
            for i in range(self.recipe.sizes.vocabulary)
        ]
        path = self.runs / "table.pt"
        if not path.exists():
            data, runs, seed = self.data.training, self.runs, self.seed
            train_static(data, tokens, self.recipe.static, runs, seed)
            start = runs / "static.pt"
            table = train_static(data, tokens, self.recipe.refine, runs, seed, stage="refine", start=start)
            torch.save(table, path)
        table = torch.load(path, weights_only=True)
        for name in ("body", "code"):
            scores = score_static(table, self.data.held_out[name], self.recipe.static.dims)
            say(f"static {name} nDCG@10 " + "  ".join(f"{dim}: {score:.3f}" for dim, score in scores.items()))
        install(self.network, table)
        embed = self.network.model.language_model.embed_tokens.weight
        embed.data.copy_(small_enough(embed.data, DTYPE).float())  # as stored: nothing is lost later

    def text(self) -> None:
        """Word order."""
        train_text(
            self.network, self.data.tokenizer, self.data.training, self.recipe.text, self.runs, self.seed
        )
        self._report("text")

    def crops(self) -> None:
        """Shapes close up."""
        train_crops(self.network, self.recipe.crops, self.runs, self.seed)

    def cells(self) -> None:
        """What each image token shows."""
        calibrate(self.network, self.seed)
        train_cells(self.network, self.recipe.cells, self.runs, self.seed)

    def bank(self) -> None:
        """Scenes."""
        calibrate(self.network, self.seed)
        train_bank(
            self.network, self.data.tokenizer, self.data.training, self.recipe.bank, self.runs, self.seed
        )
        self._report("bank")

    def settle(self) -> None:
        """Long texts again."""
        train_settle(
            self.network,
            self.data.tokenizer,
            self.data.training,
            self.recipe.settle,
            self.recipe.bank,
            self.runs,
            self.seed,
        )
        self._report("settle")

    def letters(self) -> None:
        """Spelling, by a tower of twice the width that starts from the narrow one."""
        self.network = widen(self.network, self.seed)
        train_letters(self.network, self.recipe.letters, self.runs, self.seed)

    def worlds(self) -> None:
        """Groups, counts, sizes, charts, emoji and pages."""
        train_worlds(
            self.network, self.data.tokenizer, self.recipe.worlds, self.recipe.bank, self.runs, self.seed
        )

    def late(self) -> None:
        """Vectors per token; the adapters are there from now on, and silent until their turn."""
        add_adapters(self.network, self.seed)
        train_late(
            self.network, self.data.tokenizer, self.data.training, self.recipe.late, self.runs, self.seed
        )

    def eyes(self) -> None:
        """Pictures once more, per token too; they are learned without any adapter, as before."""
        with silenced(self.network):
            train_worlds(
                self.network, self.data.tokenizer, self.recipe.eyes, self.recipe.bank, self.runs, self.seed
            )

    def adapters(self) -> None:
        """The three tasks."""
        train_adapters(
            self.network, self.data.tokenizer, self.data.adapters, self.recipe.adapters, self.runs, self.seed
        )

    def export(self) -> None:
        """The folder in the published layout."""
        export(self.network, self.data.tokenizer, self.out)
        say(f"written to {self.out}")

    def unseen(self) -> None:
        """Beside the model: a tower that never saw some coloured shapes, and how it does on them."""
        parts = (self.recipe.crops, self.recipe.cells, replace(self.recipe.bank, temperature=TEMPERATURE))
        tokenizer = self.data.tokenizer
        network = train_unseen(self.network, tokenizer, self.recipe.sizes, parts, self.runs, self.seed)
        found = measure_unseen(network, tokenizer, self.runs)
        (self.runs / "unseen.scores.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")

    def _report(self, stage: str) -> None:
        """Measure after a stage, once."""
        path = self.runs / f"{stage}.scores.json"
        if not path.exists():
            found = report(self.network, self.data.tokenizer, self.data.held_out)
            path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def shorter(recipe: Recipe, factor: float) -> Recipe:
    """The recipe with every stage's steps multiplied by `factor` (at least two)."""
    parts = {name: getattr(recipe, name) for name in (*LEARNED, "refine")}
    return replace(recipe, **{k: replace(v, steps=max(2, round(v.steps * factor))) for k, v in parts.items()})

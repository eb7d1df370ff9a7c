"""The miniature's own byte-level BPE, with the published checkpoint's splitting rule and special tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import AddedToken as Token
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How the published tokenizer cuts text into words before merging bytes (its tokenizer.json)."""

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>",
    "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
PLAIN = (
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
    "<|repo_name|>", "<|file_sep|>",
)  # fmt: skip
"""The published added tokens, in the published order: special ones, then plain ones."""


def train(texts: Iterable[str], size: int) -> Tokenizer:
    """Train a tokenizer of exactly `size` entries, added tokens included, in the published form."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(SPLIT), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.post_processor = processors.ByteLevel(
        trim_offsets=False, use_regex=False, add_prefix_space=False
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(SPECIAL) - len(PLAIN),
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        max_token_length=24,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([Token(name, special=True, normalized=False) for name in SPECIAL])
    tokenizer.add_tokens([Token(name, special=False, normalized=False) for name in PLAIN])
    return tokenizer


def special_ids(tokenizer: Tokenizer) -> dict[str, int]:
    """Ids of the added tokens by their content."""
    return {name: int(tokenizer.token_to_id(name) or 0) for name in (*SPECIAL, *PLAIN)}


def _entry(name: str) -> dict[str, Any]:
    return {"content": name, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Write tokenizer.json, vocab.json, merges.txt, added_tokens.json and the two settings files."""
    ids = special_ids(tokenizer)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    data = json.loads(tokenizer.to_str())["model"]
    _dump(folder / "vocab.json", data["vocab"])
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in data["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")
    _dump(folder / "added_tokens.json", ids)
    ends = {"eos_token": _entry("<|im_end|>"), "pad_token": _entry("<|endoftext|>")}
    _dump(folder / "special_tokens_map.json", {"additional_special_tokens": list(SPECIAL[1:]), **ends})
    added = {str(i): {**_entry(name), "special": name in SPECIAL} for name, i in ids.items()}
    settings = {
        "add_bos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": added,
        "additional_special_tokens": list(SPECIAL[1:]),
        "bos_token": None,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "errors": "replace",
        "extra_special_tokens": {},
        "model_max_length": 131072,
        "pad_token": "<|endoftext|>",
        "processor_class": "JinaEmbeddingsV4Processor",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    _dump(folder / "tokenizer_config.json", settings)


def _dump(path: Path, value: object) -> None:
    path.write_text(
        json.dumps(value, indent=None if path.name == "vocab.json" else 2, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )

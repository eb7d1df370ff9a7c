"""Sentence-transformers models made on the spot: tiny BERTs with random weights."""

import json
from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

WORDS = (
    "apple river stone cloud engine letter mirror garden copper winter which query passage find "
    "the a red circle 0 1 2 3 4 5 6 7 8 9"
).split()
DIM = 32


def write_bert(folder: Path, seed: int = 0) -> Path:
    """The transformer alone, with its vocabulary."""
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *WORDS,
        *(f"##{word}" for word in "0123456789:"),
    ]
    vocabulary += [":"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=64)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=DIM, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def write_sentence_model(
    folder: Path, *, prompts: dict[str, str] | None = None, widths: tuple[int, ...] = (), seed: int = 0
) -> Path:
    """A whole model in the library's layout: transformer, mean, unit length."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    transformer = Transformer(str(write_bert(folder.parent / f"{folder.name}-bert", seed)))
    model = SentenceTransformer(
        modules=[transformer, Pooling(DIM, pooling_mode="mean"), Normalize()], device="cpu", prompts=prompts
    )
    model.save(str(folder), create_model_card=False)
    if widths:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"matryoshka_dimensions": list(widths)}))
    return folder

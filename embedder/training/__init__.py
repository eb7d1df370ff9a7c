"""Train the bundled miniature: contrastive, Matryoshka, text and pictures; and LoRA adapters of one's own."""

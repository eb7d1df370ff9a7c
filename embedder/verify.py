"""Say whether a folder is a complete checkpoint in the published layout, and what it is."""

import math
from dataclasses import dataclass
from pathlib import Path

from embedder import checkpoint
from embedder.adapters import lora_config
from embedder.device import gigabytes
from embedder.spec import ModelSpec, spec_from_folder


@dataclass(frozen=True)
class Verdict:
    """What `verify` found.

    Attributes:
        spec: what the folder describes.
        base_parameters: of language model, vision tower and projector.
        adapter_parameters: of each task.
        file_bytes: size of all weight files.
        checksums: files whose SHA-256 was compared (0 where the folder lists none).
    """

    spec: ModelSpec
    base_parameters: int
    adapter_parameters: dict[str, int]
    file_bytes: int
    checksums: int

    def __str__(self) -> str:
        """The verdict for people."""
        spec = self.spec
        total = self.base_parameters + sum(self.adapter_parameters.values())
        adapters = ", ".join(f"{task} {count:,}" for task, count in self.adapter_parameters.items())
        cuts = ", ".join(map(str, spec.matryoshka_dims))
        hashes = (
            f"{self.checksums} files match SHA256SUMS" if self.checksums else "no SHA256SUMS to compare with"
        )
        return "\n".join(
            [
                f"complete: {spec.name}" + (f" at revision {spec.revision}" if spec.revision else ""),
                f"  parameters   {total:,} (base and projector {self.base_parameters:,})",
                f"  adapters     {adapters}",
                f"  dense        {spec.dim}, trained to be cut to {cuts}",
                f"  late         {spec.multi_vector_dim} per token",
                f"  text         up to {spec.max_tokens:,} tokens",
                f"  pictures     {spec.pixels.min_pixels:,} to {spec.pixels.max_pixels:,} pixels by default",
                f"  files        {gigabytes(self.file_bytes)}; {hashes}",
                f"  licence      {spec.licence}",
                *([f"  note         {spec.licence_notice}"] if spec.licence_notice else []),
            ]
        )


def verify(folder: Path, name: str | None = None) -> Verdict:
    """Check every file, tensor name and shape of `folder`; weights are not loaded.

    Raises:
        CheckpointError: the first thing that is wrong, with names.
    """
    from embedder.loading import expected_shapes, network_config, skeleton

    checkpoint.check_files(folder)
    checksums = checkpoint.verify_checksums(folder)
    spec = spec_from_folder(folder, name=name or folder.name, revision=None)
    network = skeleton(network_config(folder), spec)
    base = checkpoint.base_entries(folder)
    checkpoint.check_names(expected_shapes(network), base, "base model")
    stacked = checkpoint.adapter_entries(folder)
    checkpoint.check_names(_adapter_shapes(network, folder, spec), stacked, "adapters")
    sizes = {entry.file for entry in (*base.values(), *stacked.values())}
    return Verdict(
        spec=spec,
        base_parameters=sum(math.prod(entry.shape) for entry in base.values()),
        adapter_parameters={
            task: sum(math.prod(entry.shape) for key, entry in stacked.items() if f".{task}." in key)
            for task in spec.tasks
        },
        file_bytes=sum(path.stat().st_size for path in sizes),
        checksums=checksums,
    )


def _adapter_shapes(network: object, folder: Path, spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    import torch
    from torch import nn

    from embedder.adapters import adapter_parameters, inject

    assert isinstance(network, nn.Module)
    config = lora_config(checkpoint.adapter_settings(folder), checkpoint.ADAPTER_CONFIG)
    shapes: dict[str, tuple[int, ...]] = {}
    with torch.device("meta"):
        for task in spec.tasks:
            inject(network, config, task)
            own = adapter_parameters(network, task)
            shapes |= {checkpoint.ADAPTER_PREFIX + key: tuple(value.shape) for key, value in own.items()}
    return shapes

"""What has been published of the models whose architecture this is: to stand beside, never to mix with.

No value here was measured by us, and none is of data that we measure on. Jina Embeddings v4 has no published
table of truncation; v3's is the nearest there is.
"""

from dataclasses import dataclass

V4_PAPER = "arXiv:2506.18902 (Jina Embeddings v4)"
V3_PAPER = "arXiv:2409.10173 (Jina Embeddings v3), table 7"
ADDRESSES = {
    V4_PAPER: "https://arxiv.org/abs/2506.18902",
    V3_PAPER: "https://arxiv.org/abs/2409.10173",
}


@dataclass(frozen=True)
class Published:
    """A row of the comparison that the v4 paper prints; values from 0 to 100, None where there is none.

    Attributes:
        benchmark: collection of data sets.
        metric: of the mean.
        v4_dense: single vectors, full width.
        v4_late: late interaction.
        v3: the predecessor; texts only.
    """

    benchmark: str
    metric: str
    v4_dense: float
    v4_late: float | None
    v3: float | None


TABLE = (
    Published("Jina-VDR", "nDCG@5", 73.98, 80.55, 47.82),
    Published("ViDoRe", "nDCG@5", 84.11, 90.17, 26.02),
    Published("CLIP benchmark", "average as printed", 84.11, None, None),
    Published("MMTEB retrieval", "nDCG@10", 66.49, None, 58.58),
    Published("MTEB English retrieval", "nDCG@10", 55.97, None, 54.33),
    Published("CoIR", "nDCG@10", 71.59, None, 55.07),
    Published("LongEmbed", "nDCG@10", 67.11, None, 55.66),
    Published("STS, multilingual", "Spearman × 100", 72.70, None, 75.77),
    Published("STS, English", "Spearman × 100", 85.89, None, 85.82),
)
"""Source: V4_PAPER. Its printed 71.59 for CoIR is not the mean of its own row, which is 72.84."""


@dataclass(frozen=True)
class Truncation:
    """v3 cut to a width: means from 0 to 100."""

    dim: int
    retrieval: float
    sts: float


V3_TRUNCATION = (
    Truncation(32, 52.54, 76.35),
    Truncation(64, 58.54, 77.03),
    Truncation(128, 61.64, 77.43),
    Truncation(256, 62.72, 77.56),
    Truncation(512, 63.16, 77.59),
    Truncation(768, 63.30, 77.59),
    Truncation(1024, 63.35, 77.58),
)
"""Source: V3_PAPER. Retrieval in nDCG@10, STS in Spearman's correlation, both times 100."""

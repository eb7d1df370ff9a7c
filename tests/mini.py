"""The bundled model's own numbers, for tests that must not depend on how wide it is."""

from embedder.spec import MINI
from eval.estimate import spec_of

SPEC = spec_of(MINI)
DIM = SPEC.dim
WIDTHS = f"from 1 to {DIM}"

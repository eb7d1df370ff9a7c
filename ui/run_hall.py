"""What the Evaluation tab keeps for the whole process: runs, benchmarks, the run that is going on."""

from dataclasses import dataclass, field
from functools import cache

from ui.run_compare import Compared
from ui.run_files import RunFiles
from ui.run_index import RunIndex
from ui.run_plan import Shelf
from ui.run_queries import Opened
from ui.runner import Runner


@dataclass
class Hall:
    """Shared by all visitors.

    Attributes:
        index: of the runs on disk.
        shelf: benchmarks that have been made.
        opened: what was read for looking into runs.
        compared: comparisons made lately.
    """

    index: RunIndex = field(default_factory=RunIndex)
    shelf: Shelf = field(default_factory=Shelf)
    opened: Opened = field(default_factory=Opened)
    compared: Compared = field(default_factory=Compared)

    def __post_init__(self) -> None:
        self.runner = Runner(self.shelf.load)
        self.files = RunFiles(self.index)


@cache
def shared() -> Hall:
    """That of this process."""
    return Hall()

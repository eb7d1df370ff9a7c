"""A table on the disk: files of one format, opened through `datasets`, its rows read when asked for."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from embedder.errors import InputError
from eval.benchmarks.layout import FORMATS

Row = dict[str, Any]
_TEXTS_AT_A_TIME, _PICTURES_AT_A_TIME = 1000, 8


class Table:
    """Rows of some files of one format, on disk; pictures are left as they are stored."""

    def __init__(self, root: Path, where: str, files: Sequence[Path]) -> None:
        """Open the files of `root` through `datasets`, which keeps them as a map of the disk.

        Raises:
            InputError: they cannot be read.
        """
        import datasets

        kinds = {path.suffix for path in files}
        if len(kinds) > 1:
            raise InputError(f"{where}: files of several kinds ({', '.join(sorted(kinds))}), expected one")
        (suffix,) = kinds
        options: dict[str, Any] = {".tsv": {"sep": "\t"}}.get(suffix, {})
        names = {"rows": [_literal(path) for path in files]}
        bars = datasets.are_progress_bars_disabled()
        datasets.disable_progress_bars()
        try:
            found = datasets.load_dataset(FORMATS[suffix], data_files=names, split="rows", **options)
        except Exception as error:  # arrow's, pandas' and its own
            cause = error.__cause__ or error
            raise InputError(
                f"{where}: {', '.join(path.name for path in files[:3])} cannot be read: "
                f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}"
            ) from None
        finally:
            if not bars:
                datasets.enable_progress_bars()
        for name, feature in found.features.items():
            if isinstance(feature, datasets.Image):
                found = found.cast_column(name, datasets.Image(decode=False))
        self.root, self.where, self._rows = root, where, found
        self.columns = tuple(found.column_names)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> Row:
        row: Row = self._rows[number]
        return row

    def only(self, columns: Sequence[str]) -> "Table":
        """The same rows, of these columns only: others are then never read."""
        part = object.__new__(Table)
        part.root, part.where = self.root, self.where
        part.columns = tuple(name for name in columns if name in self.columns)
        part._rows = self._rows.select_columns(list(part.columns))
        return part

    def __iter__(self) -> Iterator[Row]:
        step = _PICTURES_AT_A_TIME if "image" in self.columns else _TEXTS_AT_A_TIME
        for batch in self._rows.iter(batch_size=step):
            for values in zip(*batch.values(), strict=True):
                yield dict(zip(batch, values, strict=True))

    def column(self, names: Sequence[str]) -> str:
        """The first of these columns that is there.

        Raises:
            InputError: none is.
        """
        for name in names:
            if name in self.columns:
                return name
        raise InputError(f"{self.where}: no column {' or '.join(names)}; there are {', '.join(self.columns)}")


def _literal(path: Path) -> str:
    """A path for `datasets`, which takes some signs in it for patterns."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))

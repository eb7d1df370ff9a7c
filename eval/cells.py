"""Cells of CSV files that spreadsheets open."""

import pyarrow as pa

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


def neutral(cell: str) -> str:
    """Text for a CSV cell that no spreadsheet takes for a formula: a quote before a dangerous beginning."""
    return f"'{cell}" if cell.startswith(_DANGEROUS) else cell


def neutral_table(table: pa.Table) -> pa.Table:
    """A table whose texts no spreadsheet takes for formulas; its numbers are as they were."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            texts = [None if cell is None else neutral(cell) for cell in table.column(place).to_pylist()]
            table = table.set_column(place, field, pa.array(texts, field.type))
    return table

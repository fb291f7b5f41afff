"""A column of texts → columns of the record, beside the table's own."""

import os

import pandas as pd
from pydantic import BaseModel

from extractor import Extractor, Input


class Order(BaseModel):
    """What is read out of each text."""

    item: str
    quantity: int


def with_records(table: pd.DataFrame, column: str, job: str | os.PathLike[str]) -> pd.DataFrame:
    """The table with a column for each field, and `error`: None, or why a row failed."""
    rows = (Input(name=str(name), document=text) for name, text in table[column].items())
    found = []
    with Extractor() as extractor, extractor.map(Order, rows, job=job, ordered=True) as results:
        for each in results:
            values = {} if each.result is None else each.value.model_dump()
            found.append({**values, "error": None if each.error is None else str(each.error)})
    columns = [*Order.model_fields, "error"]
    return table.join(pd.DataFrame(found, index=table.index, columns=columns, dtype=object).convert_dtypes())

"""A Parquet file of texts → one with records, on all machines of a cluster: `python ray_dataset.py IN OUT JOB`."""

import sys

import ray
from pydantic import BaseModel

from extractor.batch.ray import extract


class Receipt(BaseModel):
    """What is read out of each text."""

    shop: str
    total: float


def main(source: str, target: str, job: str) -> None:
    """Read the columns `id` and `text` of `source`; `target` has them, and `value`, `error` and `cost`."""
    texts = ray.data.read_parquet(source)
    extract(texts, Receipt, name_column="id", job=job).write_parquet(target)


if __name__ == "__main__":
    main(*sys.argv[1:])

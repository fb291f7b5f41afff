"""Read what is new in a folder, and write a table of all: `python cron_inbox.py INBOX JOB TABLE`."""

import fcntl
import sys
from pathlib import Path

from pydantic import BaseModel

from extractor import CallerError, Extractor, ExtractorError, Job, inputs


class Receipt(BaseModel):
    """What is read out of each file."""

    shop: str
    total: float


def main(inbox: str, job_file: str, table: str) -> int:
    """The exit code: 0 all are done, 1 some failed, 2 the call is wrong, 3 it was stopped, 75 another one is at it."""
    with Path(job_file + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system lets go of it when this process ends
        except BlockingIOError:
            print("The run before is not through yet.", file=sys.stderr)
            return 75
        return read(inbox, job_file, table)


def read(inbox: str, job_file: str, table: str) -> int:
    """Read what the job has not yet, and write its table."""
    failed = 0
    with Job(job_file) as job:
        try:
            with Extractor() as extractor, extractor.map(Receipt, inputs([inbox]), job=job) as results:
                for each in results:
                    if each.error is not None:
                        failed += 1
                        print(f"{each.name}: {each.error}", file=sys.stderr)
        finally:  # what is done by now is of use, whatever stopped it
            if job.runs:
                job.export(table, overwrite=True)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except ExtractorError as error:
        print(error, file=sys.stderr)
        sys.exit(2 if isinstance(error, CallerError) else 3)

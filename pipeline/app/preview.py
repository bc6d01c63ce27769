"""The process of a preview: ``python -m leadlens.pipeline.app.preview FOLDER JOB`` writes into the job's record who would move."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

from leadlens.features.errors import LeadlensError
from leadlens.pipeline.app.jobs import Job, JobFolder
from leadlens.pipeline.languages.marks import N_
from leadlens.pipeline.private import private_files
from leadlens.pipeline.state import at_work
from leadlens.pipeline.views.words import for_readers

_NICE = 10  # the page, and the night, come first


def run(folder: JobFolder, job: Job) -> Job:
    """The job when it has ended: with its result, or with what went wrong in words."""
    from leadlens.models.scorecard.insights.comparison import compare_sheets
    from leadlens.pipeline.app.shown_sheets import (
        shown_version,  # what takes long to load comes after os.nice
    )
    from leadlens.pipeline.config import load_project
    from leadlens.pipeline.jobs.scorecard.who_moves import who_moves

    def progress(stage: str, done: int = 0, total: int = 0) -> None:
        folder.save(replace(job, step=stage))

    try:
        file = load_project(job.config)
        before, after = (
            shown_version(file, job.sheet, version).sheet for version in (job.against, job.version)
        )
        changes = [each.text for each in compare_sheets(before, after).differences]
        return job.done(who_moves(file, before, after, progress=progress).to_dict() | {"changes": changes})
    except LeadlensError as error:
        logging.getLogger(__name__).warning("preview of %s %s: %s", job.sheet, job.version, error)
        return job.failed(for_readers(error))
    except MemoryError:
        return job.failed(N_("There was not enough memory for it. Whoever runs the page can give it more."))


def main() -> None:
    folder, job_id = JobFolder(Path(sys.argv[1])), sys.argv[2]
    os.nice(_NICE)
    job = folder.read(job_id)
    assert job is not None
    with private_files(), at_work(folder.path.name):
        try:
            folder.save(run(folder, job))
        except Exception as error:
            folder.save(
                job.failed(
                    N_(
                        "Something is wrong on our side ({what}). The log of the server has the details."
                    ).format(what=type(error).__name__)
                )
            )
            raise


if __name__ == "__main__":
    main()

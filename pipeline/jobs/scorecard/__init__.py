"""Jobs on score sheets: try one on a lead or on all, compare two, simulate, and look at the past."""

from leadlens.pipeline.jobs.scorecard.changed import Changed, changed
from leadlens.pipeline.jobs.scorecard.diff import Diff, diff
from leadlens.pipeline.jobs.scorecard.feedback import Feedback, feedback
from leadlens.pipeline.jobs.scorecard.one_lead import LeadTest, lead_test
from leadlens.pipeline.jobs.scorecard.preview import Preview, preview
from leadlens.pipeline.jobs.scorecard.simulate import Simulated, simulate
from leadlens.pipeline.jobs.scorecard.stages import Stages, stages

__all__ = [
    "Changed",
    "Diff",
    "Feedback",
    "LeadTest",
    "Preview",
    "Simulated",
    "Stages",
    "changed",
    "diff",
    "feedback",
    "lead_test",
    "preview",
    "simulate",
    "stages",
]

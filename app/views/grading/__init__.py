"""The grading page's parts: the job that asks a judge, and what is shown before, during and after."""

from app.views.grading.job import GradingJob
from app.views.grading.kept import graded, preferences, tested, tests_of

__all__ = ["GradingJob", "graded", "preferences", "tested", "tests_of"]

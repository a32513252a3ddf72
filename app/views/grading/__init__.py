"""The grading page's parts: what is shown before a judge is asked, and after."""

from app.views.grading.kept import graded, preferences, tested, tests_of

__all__ = ["graded", "preferences", "tested", "tests_of"]

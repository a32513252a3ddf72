"""Lessons: questions, views, guesses and claims as data, checked on the model that is shown."""

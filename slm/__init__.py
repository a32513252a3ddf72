"""Storyscope's headless core: stories, models, training, writing, looking inside, judging."""

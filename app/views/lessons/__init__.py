"""The Lessons page: the catalogue, and a lesson step by step."""

"""The TinyStories paper's findings as tests of the runs that are there."""

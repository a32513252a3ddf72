"""Does a model copy? Overlap with its training text, beside what people write and what it never saw."""

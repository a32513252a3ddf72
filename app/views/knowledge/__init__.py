"""The knowledge page's parts: the table of continuations, and the prompts as they are edited."""

"""Following of instructions: how much of what a request asks for is in the story that a model writes."""

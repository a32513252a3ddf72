"""Text generation: sampling, beam search, branches."""

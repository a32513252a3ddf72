"""From a prompt to a story: sampling, beam search, branches."""

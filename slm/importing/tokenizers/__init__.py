"""The files in which others keep a tokenizer."""

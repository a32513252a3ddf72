"""Stories: their sources, cleaning, tokenizers and tokenised corpora."""

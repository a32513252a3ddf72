"""Do neurons have roles? Labelled words, held-out confirmation, and random directions as the control."""

"""MLP neurons: top activations over a corpus, distributions, logit effects."""

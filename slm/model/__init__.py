"""A model's configuration, parameters, loss and forward pass, functional or by TransformerLens."""

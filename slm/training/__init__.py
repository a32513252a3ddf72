"""Train models: the specification, the trainer, the run on disk, the queue, sweeps."""

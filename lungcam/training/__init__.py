"""Training: LightningModules, the Trainer and checkpoints; each module is imported by its name."""

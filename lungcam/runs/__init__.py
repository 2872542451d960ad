"""The commands: train and infer, from a configuration to files."""

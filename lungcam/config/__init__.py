"""Configuration: options, schema, names of the previous version, and instantiation."""

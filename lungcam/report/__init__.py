"""Reports for people: pages, figures, tables and sheets; each module is imported by name."""

"""Detection of nodules: scans at several spacings, their search, and training of a detector."""

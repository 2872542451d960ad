"""Files, processes, time and versions: the parts of a program that know nothing of CT."""

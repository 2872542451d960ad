"""The one error that is the user's to mend."""


class InputError(Exception):
    """The user's input is at fault.

    The message is one line that names the file, row or key and the remedy. The entry scripts print
    it without a traceback and end with exit code 2.
    """

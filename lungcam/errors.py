"""Errors that end a command: faults in the user's input and defects of lungcam."""


class InputError(Exception):
    """Error in the user's input.

    The message is one line that names the file, row or key and the remedy. The entry scripts print
    it without a traceback and end with exit code 2.
    """


class DefectError(Exception):
    """Defect of lungcam that cost a part of the work; the rest is done.

    The message is one line that names the file with the traceback. The entry scripts print it and
    end with exit code 1.
    """

"""Whose an error is: the user's to mend, or ours."""


class InputError(Exception):
    """The user's input is at fault.

    The message is one line that names the file, row or key and the remedy. The entry scripts print
    it without a traceback and end with exit code 2.
    """


class DefectError(Exception):
    """A defect of lungcam cost a part of the work, and the rest is done.

    The message is one line that names the file with the traceback. The entry scripts print it and
    end with exit code 1.
    """

"""Errors that end a command, and the text from outside that their messages may hold."""

import re

# control codes, line breaks of all kinds, changes of the writing direction, lone surrogates
NOT_TEXT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


BREAKS = re.compile(r"\s*[\n\r\t\v\f]\s*")


def plain_text(text: str) -> str:
    r"""Return a text in one line, with control codes written out, as in `\x1b` or `\n`.

    File names, tables and headers may hold codes that move a terminal's cursor, feign a line of a
    log, or turn the writing direction.
    """
    return NOT_TEXT.sub(lambda code: code[0].encode("unicode_escape").decode(), text)


def _message(message: object) -> str:
    """Return a message in one line of plain text."""
    return plain_text(BREAKS.sub(" ", str(message)))


class InputError(Exception):
    """Error in the user's input.

    The message is one line that names the file, row or key and the remedy. The entry scripts print
    it without a traceback and end with exit code 2.
    """

    def __init__(self, message: object = ""):
        super().__init__(_message(message))


class DefectError(Exception):
    """Defect of lungcam that cost a part of the work; the rest is done.

    The message is one line that names the file with the traceback. The entry scripts print it and
    end with exit code 1.
    """

    def __init__(self, message: object = ""):
        super().__init__(_message(message))

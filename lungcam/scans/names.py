"""Names of scans and samples: each can name a folder on every file system."""

import hashlib
import re
import unicodedata

# a file name may have 255 bytes, and suffixes are appended
MOST_BYTES = 120
HASH_DIGITS = 12
# devices of Windows, with any suffix
DEVICES = {
    *("con", "prn", "aux", "nul", "conin", "conout"),
    *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)),
}
# results of all scans lie next to the folders of each
TABLES = (".csv", ".json", ".log")


def safe_name(text: str) -> str:
    """Return a name for a folder: letters, digits, `_`, `-` and `.`; empty if nothing is left.

    It is neither hidden nor `..`, no device of Windows, no file of lungcam's own, and at most 120
    bytes long in UTF-8.

    Args:
        text: Any text, such as the name of a file.
    """
    name = re.sub(r"[^\w.\-]+|\.{2,}", "_", text.strip("."))
    name = re.sub(r"^-", "_", name)
    key = name_key(name)
    if key.partition(".")[0] in DEVICES:
        name = f"_{name}"
    if key.endswith(TABLES):
        name = f"{name}_"
    if len(name.encode()) <= MOST_BYTES:
        return name
    begin = name.encode()[: MOST_BYTES - HASH_DIGITS - 1].decode(errors="ignore")
    return f"{begin}_{short_hash(text)}"


def short_hash(text: str | bytes) -> str:
    """Return a hash of a text in hexadecimal digits, for a name."""
    content = text if isinstance(text, bytes) else text.encode(errors="surrogateescape")
    return hashlib.sha256(content).hexdigest()[:HASH_DIGITS]


def name_key(name: str) -> str:
    """Return what names have in common that are the same on some file systems, in case and form."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def unique_name(name: str, taken: set[str]) -> str:
    """Return a name that no other has on any file system, numbered if needed, and take it.

    Args:
        name: The name.
        taken: Keys (`name_key`) of the names that are taken; the new one is added.
    """
    free, count = name, 1
    while name_key(free) in taken:
        count += 1
        free = f"{name}_{count}"
    taken.add(name_key(free))
    return free

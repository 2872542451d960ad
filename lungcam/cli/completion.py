"""Completion in a shell: `lungcam completion bash|zsh`, and the words that it offers."""

from collections.abc import Iterator, Sequence

from lungcam.cli.app import DONE
from lungcam.cli.command_help import SUMMARIES
from lungcam.config.schema import SCHEMAS
from lungcam.config.suggestions import choices_of, known_keys
from lungcam.errors import InputError
from lungcam.runtime.versions import CONFIG_FOLDER

SHELLS = ("bash", "zsh")
# by which the script asks; what follows is the line before the cursor
WORDS = "words"
BASH = """\
_lungcam() {
    local line="${COMP_LINE:0:COMP_POINT}" word cut
    word="${line##* }"
    # readline replaces what follows the last of these characters
    cut="${word%"${word##*[=:]}"}"
    COMPREPLY=()
    while IFS= read -r found; do
        COMPREPLY+=("${found#"$cut"}")
    done < <(lungcam completion words "$line" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace; fi
}
complete -o default -F _lungcam lungcam"""
ZSH = "autoload -U +X bashcompinit && bashcompinit"


def run(arguments: Sequence[str]) -> int:
    """Print the script of a shell, or the words that complete a line, and return the exit code.

    Args:
        arguments: `bash` or `zsh`; or `words` and the line.

    Raises:
        InputError: There is no script for the shell.
    """
    if len(arguments) == 2 and arguments[0] == WORDS:
        print("\n".join(words(arguments[1])))
        return DONE
    if list(arguments) not in [[shell] for shell in SHELLS]:
        raise InputError(f"completion: name your shell: lungcam completion {' or '.join(SHELLS)}.")
    print(f"{ZSH}\n{BASH}" if arguments[0] == "zsh" else BASH)
    return DONE


def words(line: str) -> list[str]:
    """Return what may stand at the end of a command line.

    Args:
        line: The line as typed so far, with the command.
    """
    _, *before = line.split()
    typed = "" if line.endswith(" ") else before.pop() if before else ""
    offered = (*SUMMARIES, "--help", "--version") if not before else _settings(before[0], typed)
    return sorted(word for word in offered if word.startswith(typed) and word != typed)


def _settings(command: str, typed: str) -> Iterator[str]:
    """Yield the settings of a command, with the choices of the group that is typed."""
    from lungcam.cli.commands import SETTINGS

    yield "--help"
    for name in SETTINGS.get(command, ()):
        yield f"{name}="
    if command == "completion":
        yield from SHELLS
    if command not in SCHEMAS and command != "check":
        return
    schema = SCHEMAS["infer" if command == "infer" else "train"]
    groups = {path.name for path in CONFIG_FOLDER.iterdir() if path.is_dir()} - {"hydra"}
    group = typed.partition("=")[0]
    if group in groups and command != "infer":
        yield from (f"{group}={choice}" for choice in choices_of(group, CONFIG_FOLDER))
    folder = None if command == "infer" else CONFIG_FOLDER
    yield from (f"{key}=" for key in known_keys(schema, folder))

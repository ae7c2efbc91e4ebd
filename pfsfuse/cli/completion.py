"""`pfs completion`: the script that teaches a shell to complete pfs."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, get_completion_class

from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.group import COMPLETE, Command


class Bash(BashComplete):
    """bash takes @ and : for ends of words, so `trips@mas` would reach us as `mas`: split the line ourselves, at
    blanks only, and give bash back what follows its own last end of a word.
    """

    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}" words word done response
    IFS=$' \\t' read -r -a words <<<"$line"
    [[ "$line" == *[[:space:]] ]] && words+=("")
    word="${words[${#words[@]}-1]}"
    done="${word%%"${word##*[@:=]}"}"
    response=$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((${#words[@]} - 1)) \\
        %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    local kind value
    while IFS=',' read -r kind value; do
        case "$kind" in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$done"}") ;;
        esac
    done <<<"$response"
    [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == */ ]] && compopt -o nospace
    return 0
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


@click.command(
    cls=Command,
    examples="""
    pfs completion bash >> ~/.bashrc  for bash
    pfs completion zsh >> ~/.zshrc  for zsh
    pfs completion fish > ~/.config/fish/completions/pfs.fish  for fish
    """,
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
@pass_app
def completion(app: App, context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    Commands, options, repos, branches, tags and paths are completed.
    """
    kind = Bash if shell == "bash" else get_completion_class(shell)
    assert kind is not None, "click knows the three shells above"
    root = context.find_root()
    click.echo(kind(root.command, {}, "pfs", COMPLETE).source())

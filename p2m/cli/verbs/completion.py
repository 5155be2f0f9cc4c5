"""p2m completion: what the Tab key offers, for bash, zsh and fish."""

from __future__ import annotations

import argparse
import os
import re
import shlex

GROUP = "build"
SUMMARY = "print a script by which bash, zsh or fish completes what is typed"
EXAMPLES = """source <(p2m completion bash)          # in ~/.bashrc
  source <(p2m completion zsh)           # in ~/.zshrc, below compinit
  p2m completion fish > ~/.config/fish/completions/p2m.fish

Completed are verbs, options, recipes, bundles, files, and of overrides the config groups and what each
offers: student=<TAB>."""

# Each script asks this verb again, with what is typed so far in a variable of the environment.
_LINE, _WORDS = "P2M_COMPLETE_LINE", "P2M_COMPLETE_WORDS"
_BASH = f"""\
_p2m_complete() {{
    local IFS=$'\\n'
    COMPREPLY=($({_LINE}="${{COMP_LINE:0:COMP_POINT}}" "${{COMP_WORDS[0]}}" completion bash 2>/dev/null))
    if [[ ${{#COMPREPLY[@]}} -eq 1 && ${{COMPREPLY[0]}} == *[/=] ]]; then compopt -o nospace; fi
}}
complete -F _p2m_complete p2m
"""
_ZSH = f"""\
#compdef p2m
_p2m_complete() {{
    local -a found open
    local typed="${{(F)${{(@Q)words[2,CURRENT]}}}}"
    found=("${{(@f)$({_WORDS}="$typed" "${{(Q)words[1]}}" completion zsh 2>/dev/null)}}")
    open=(${{(M)found:#*[/=]}})
    found=(${{found:#*[/=]}})
    (( $#open )) && compadd -U -S '' -- $open
    (( $#found )) && compadd -U -- $found
    return 0
}}
compdef _p2m_complete p2m
"""
_FISH = f"""\
function __p2m_complete
    set -l words (commandline -opc) (commandline -ct)
    set -lx {_WORDS} (string join \\n -- $words[2..-1] | string collect --allow-empty -N)
    $words[1] completion fish 2>/dev/null
end
complete -c p2m -f -k -a '(__p2m_complete)'
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=tuple(SCRIPTS), help="whose script")


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.cli.completing import completions

    if _LINE in os.environ:
        line = os.environ[_LINE]
        words = split(line)
        found = [_for_bash(each, words[-1]) for each in completions(words[1:])]
    elif _WORDS in os.environ:
        typed = os.environ[_WORDS]  # which fish ends with a line break
        found = completions((typed.removesuffix("\n") if arguments.shell == "fish" else typed).split("\n"))
    else:
        print(SCRIPTS[arguments.shell], end="")
        return 0
    print("\n".join(found))
    return 0


def split(line: str) -> list[str]:
    """The words of a line that is being typed, as a shell reads them; the last one is "" after a blank."""
    for closing in ("", '"', "'"):
        try:
            words = shlex.split(line.removesuffix("\\") + closing)
        except ValueError:  # a quote is still open
            continue
        is_over = line[-1:].isspace() and not line.endswith("\\ ") and not closing
        return [*words, ""] if is_over or not words else words
    return [""]


def _for_bash(text: str, word: str) -> str:
    """What bash puts in the place of the part of the word that it completes, which begins after = and :."""
    cut = max(word.rfind("="), word.rfind(":")) + 1
    rest = text[cut:] if text.startswith(word[:cut]) else text
    return re.sub(r"([^\w@%+=:,./~-])", r"\\\1", rest)

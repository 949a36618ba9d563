#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bash and zsh offer after Tab, in real shells: all that the program's help names and nothing else.

  completion_test.py COTURN-GUARD     (needs bash-completion and zsh)"""
import os
import pty
import re
import select
import shlex
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from program_help import PROGRAM, TREE, end, help_of, ok, rules, same, verbs

RULES = "/usr/share/coturn-guard/rules/coturn.yaml"


def made(shell):
    text = subprocess.run([PROGRAM, "completion", shell], capture_output=True, text=True, check=True).stdout
    ok(RULES in text, "%s: rules are looked up where the package has them" % shell, text)
    return text.replace(RULES, TREE + "/rules/coturn.yaml")  # they need not be installed


VERBS = verbs()
OPTIONS = {verb: re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)(?=[ ,])", "".join(line for line in help_of(verb).splitlines(True) if line.startswith("  -"))) for verb in VERBS}


class Bash:
    """Calls the function as readline would, with COMP_LINE, COMP_POINT and the words as readline breaks them."""
    name = "bash"

    def __init__(self, place, stub):
        with open(place + "/coturn-guard", "w") as file:
            file.write(made("bash"))
        self.script = "PATH=%s:$PATH\n. /usr/share/bash-completion/bash_completion\n. %s/coturn-guard\n" % (stub, place)
        said = subprocess.run(["bash", "-n", place + "/coturn-guard"], capture_output=True, text=True)
        ok(said.returncode == 0, "bash: the file is well formed", said.stderr)

    def offers(self, line, place):
        words = [word for word in re.split(r"\s+|(?<=:)|(?=:)|(?<==)|(?==)", line) if word] + ([""] if line.endswith(" ") else [])
        call = "COMP_WORDS=(%s) COMP_CWORD=%d COMP_LINE=%s COMP_POINT=%d COMP_TYPE=9 COMP_KEY=9; _coturn_guard coturn-guard; printf '%%s\\n' \"${COMPREPLY[@]}\"" \
            % (" ".join(map(shlex.quote, words)), len(words) - 1, shlex.quote(line), len(line))
        done = subprocess.run(["bash", "--norc", "-c", self.script + call], cwd=place, capture_output=True, text=True)
        return [word.strip() for word in done.stdout.split("\n") if word.strip()] + ([done.stderr] if done.stderr else [])


class Zsh:
    """A real one on a terminal of its own; the key after the line lists what would be offered."""
    name = "zsh"

    def __init__(self, place, stub):
        with open(place + "/_coturn-guard", "w") as file:
            file.write(made("zsh"))
        self.setup = ("PATH=%s:$PATH\nfpath=(%s $fpath)\nautoload -Uz compinit && compinit -u -D\n"
                      "zstyle ':completion:*' list-grouped false\nzstyle ':completion:*' verbose false\nLISTMAX=0\n"
                      "list() { compadd() { if [[ ${@[(I)-O|-A|-D]} -eq 0 ]]; then builtin compadd -O _found \"$@\"; print -rl -- $_found >>$OFFERED; fi; builtin compadd \"$@\" }\n"
                      "  _main_complete; print -r -- END >>$OFFERED }\nzle -C list complete-word list\nbindkey '^X' list\n" % (stub, place))
        self.stub, self.place = stub, place

    def offers(self, line, place):
        offered = tempfile.NamedTemporaryFile("r")
        with open(self.place + "/.zshrc", "w") as file:
            file.write("OFFERED=%s\n" % offered.name + self.setup)
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(place)
            os.execve("/usr/bin/zsh", ["zsh", "-i", "-d"], {**os.environ, "TERM": "vt100", "ZDOTDIR": self.place, "PS1": "READY> "})
        said, text, sent, end = b"", "", False, time.monotonic() + 20
        while "END" not in text and time.monotonic() < end:
            if select.select([terminal], [], [], 0.05)[0]:
                said += os.read(terminal, 4096)
            if not sent and b"READY> " in said:
                os.write(terminal, line.encode() + b"\x18")
                sent = True
            text = open(offered.name).read()
        os.kill(process, 9)
        os.waitpid(process, 0)
        os.close(terminal)
        return [word for word in text.split("\n") if word and word != "END"] + ([] if "END" in text else ["zsh never offered: %s" % said.decode(errors="replace")])


def main():
    with tempfile.TemporaryDirectory() as place:
        stub, work = place + "/bin", place + "/work"
        os.makedirs(work + "/some.directory")
        os.makedirs(stub)
        open(work + "/some.file", "w").close()
        with open(stub + "/coturn-guard", "w") as file:  # as the daemon answers, which this test does not run
            file.write("#!/bin/sh\n[ \"$1\" = list ] || exit 9\nprintf '%s\\n' '{\"event\":\"ban\",\"prefix\":\"203.0.113.5/32\"}' '{\"event\":\"ban\",\"prefix\":\"2001:db8::/64\"}' '{\"event\":\"end\"}'\n")
        os.chmod(stub + "/coturn-guard", 0o755)
        for shell in (Bash(place, stub), Zsh(place, stub)):
            def offered(words, sentence, line):
                same(words, shell.offers(line, work), "%s: %s" % (shell.name, sentence))
            offered(VERBS, "every verb, and no other", "coturn-guard ")
            offered(["ban", "breaker"], "those that begin so", "coturn-guard b")
            for verb in VERBS:
                offered(OPTIONS[verb], "every option of %s, and no other" % verb, "coturn-guard %s -" % verb)
            offered(["proven", "claimed"], "the words that an option takes", "coturn-guard list --evidence ")
            offered(rules(), "the rules there are", "coturn-guard list --rule ")
            offered(["close"], "and a verb", "coturn-guard breaker ")
            offered(["some.file", "some.directory"], "files where a file is wanted", "coturn-guard run --config some")
            offered(["some.directory"], "directories where one is wanted", "coturn-guard doctor --root some")
            offered(["--help", "--version"], "options of the program itself", "coturn-guard --")
            offered(["some.file", "some.directory"], "logs to read", "coturn-guard replay some")
            offered(["203.0.113.5/32"], "who is banned, for unban", "coturn-guard unban 203")
            # readline takes a colon for the end of a word: the rest alone is to be put there.
            offered(["db8::/64" if shell.name == "bash" else "2001:db8::/64"], "also by IPv6", "coturn-guard unban 2001:d")


main()
end()

"""For every test, whoever runs them: signals are those of a program that a user starts."""

from __future__ import annotations

import signal

# nohup(1), and a shell that runs us in the background, ignore these, which all that we start would inherit. What has a
# handler is by default again in a program (execve(2)).
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

"""The local runner: builds Sitewatch, starts the emulator on this machine and deploys to it.

`python -m runner --help` lists the commands; tests use `runner.local.system.running_stack` and `runner.stack.Stack`.
"""

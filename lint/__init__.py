"""The templates linted like code: `python -m lint`, with rules of our own beside cfn-lint's."""

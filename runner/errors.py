"""The runner's one error."""


class RunnerError(Exception):
    """Something that the person at the keyboard can mend; its text is the whole message, one clear line first."""

"""Lint the templates with this project's own cfn-lint rules: `python -m lint`."""

"""Lint the templates with this project's own cfn-lint rules, and the functions' queries: `python -m lint`."""

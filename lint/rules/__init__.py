"""Project-specific cfn-lint rules, numbered from E9001."""

"""Our rules of cfn-lint, a module each; numbers from E9001."""

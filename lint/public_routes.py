"""The allow list of routes that need no token."""

PUBLIC = frozenset(
    {
        ("GET", "/"),
        ("HEAD", "/"),
        ("GET", "/assets/{file}"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/check"),
        ("HEAD", "/check"),
        ("POST", "/check"),
        ("GET", "/docs"),
        ("HEAD", "/docs"),
        ("GET", "/docs/{part}"),
        ("GET", "/openapi.json"),
        ("HEAD", "/openapi.json"),
        ("GET", "/api/sensors"),
        ("GET", "/api/sensors/{sensor}/history"),
        ("GET", "/api/sensors/{sensor}/occupancy"),
        ("GET", "/sensors/{sensor}/occupancy"),
        ("POST", "/api/webhook"),
        ("GET", "/simulator/data-point"),  # stands in for an external server, in local stacks only
        ("POST", "/auth/login"),
        ("POST", "/auth/refresh"),
        ("POST", "/auth/reset-password"),
        ("POST", "/auth/signup"),
        ("POST", "/login"),
        ("POST", "/token"),
        ("POST", "/users"),
    }
)

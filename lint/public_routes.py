"""The routes that need no token. A route that is not here and answers without one is a hole."""

PUBLIC = frozenset(
    {
        ("GET", "/"),
        ("GET", "/assets/{file}"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/check"),
        ("POST", "/check"),
        ("GET", "/docs"),
        ("GET", "/docs/{part}"),
        ("GET", "/openapi.json"),
        ("GET", "/api/sensors"),
        ("GET", "/api/sensors/{sensor}/history"),
        ("GET", "/api/sensors/{sensor}/occupancy"),
        ("GET", "/sensors/{sensor}/occupancy"),
        ("POST", "/api/webhook"),
        ("GET", "/simulator/data-point"),  # it stands for a server outside, and is part of local stacks only
        ("POST", "/auth/login"),
        ("POST", "/auth/refresh"),
        ("POST", "/auth/signup"),
        ("POST", "/login"),
        ("POST", "/token"),
        ("POST", "/users"),
    }
)

"""The documents that are generated: the OpenAPI document, and the Postman collection of it."""

"""Generated documents: the OpenAPI document, the Postman collection, the tables of docs/engines.md."""

// Shows the OpenAPI document that is served next to this page. Its relative URLs are made absolute here: Swagger UI
// would resolve them against the host, but the API has a path prefix (the stage name) on every engine.
"use strict";

async function start() {
  const page = document.getElementById("swagger-ui");
  const base = new URL(".", window.location.href);
  const response = await fetch(new URL("openapi.json", base));
  if (!response.ok) {
    page.textContent = `Could not load the OpenAPI document: ${response.status} ${response.statusText}`;
    return;
  }
  const spec = await response.json();
  spec.servers = spec.servers.map((server) => ({
    ...server,
    url: new URL(server.url, base).href.replace(/\/$/, ""),
  }));
  const login = spec.components.securitySchemes.password.flows.password;
  login.tokenUrl = new URL(login.tokenUrl, base).href;
  SwaggerUIBundle({
    spec,
    domNode: page,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    filter: true,
    tagsSorter: "alpha",
    tryItOutEnabled: true,
    // Do not send the document to an external validator.
    validatorUrl: null,
  });
}

start();

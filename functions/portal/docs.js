// Shows the OpenAPI document that is beside this page. Its relative addresses are made whole here: Swagger UI would
// take them relative to the host, and the API has a path of its own (a stage's name) on every engine.
"use strict";

async function start() {
  const page = document.getElementById("swagger-ui");
  const base = new URL(".", window.location.href);
  const answer = await fetch(new URL("openapi.json", base));
  if (!answer.ok) {
    page.textContent = `The OpenAPI document can not be had: ${answer.status} ${answer.statusText}`;
    return;
  }
  const spec = await answer.json();
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
    // Nothing is sent to a validator elsewhere.
    validatorUrl: null,
  });
}

start();

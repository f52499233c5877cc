// Builds the files that the portal serves to browsers. The output is reproducible, which a test checks.
//   node build.mjs [folder]
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? join(here, "..", "functions", "portal", "assets");
const read = (...path) => readFile(join(here, ...path), "utf8");
const digest = (algorithm, text, encoding) => createHash(algorithm).update(text).digest(encoding);

async function bundle(entry, options) {
  const { outputFiles } = await build({
    entryPoints: [join(here, entry)],
    absWorkingDir: here,
    bundle: true,
    minify: true,
    write: false,
    charset: "utf8",
    legalComments: "none",
    ...options,
  });
  return outputFiles[0].text;
}

async function packages() {
  const { dependencies } = JSON.parse(await read("package.json"));
  const locked = JSON.parse(await read("package-lock.json")).packages;
  return Promise.all(
    Object.keys(dependencies).map(async (name) => {
      const { version, integrity, license } = locked[`node_modules/${name}`];
      const notice = await read("node_modules", name, "LICENSE");
      return { name, version, license, integrity, notice };
    }),
  );
}

const script = await bundle("dashboard/main.jsx", {
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
});
const style = (await bundle("dashboard/style.css", { target: ["chrome110", "firefox110", "safari16"] })).trim();
const scriptName = `dashboard-${digest("sha256", script, "hex").slice(0, 12)}.js`;
const loader = (await read("dashboard", "loader.js")).replace("DASHBOARD", `assets/${scriptName}`).trim();
const page = (await read("dashboard", "index.html")).replace("/* STYLE */", () => style).replace("/* LOADER */", () => loader);

const parts = await packages();
const licences = parts.map(({ name, version, notice }) => `${name} ${version}\n\n${notice.trim()}\n`).join("\n\n");
const files = { "index.html": page, [scriptName]: script, "licences.txt": licences };
const manifest = {
  packages: parts.map(({ notice, ...part }) => part),
  files: Object.fromEntries(
    Object.entries(files).map(([name, text]) => [
      name,
      { bytes: Buffer.byteLength(text), sha256: digest("sha256", text, "hex") },
    ]),
  ),
  inline: {
    script: `sha256-${digest("sha256", loader, "base64")}`,
    style: `sha256-${digest("sha256", style, "base64")}`,
  },
};

await mkdir(target, { recursive: true });
for (const name of await readdir(target)) {
  if (/^dashboard-[0-9a-f]{12}\.js$/.test(name)) await rm(join(target, name));
}
for (const [name, text] of Object.entries({ ...files, "manifest.json": `${JSON.stringify(manifest, null, 2)}\n` })) {
  await writeFile(join(target, name), text);
}

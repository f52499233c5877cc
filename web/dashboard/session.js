// The session with the API: tokens in memory only, refreshed before they expire and once more where a call is refused.
import { problemOf, unreachable } from "./words.js";

// The page stands at the API's root, whether its address ends with a slash or not.
const ROOT = new URL(location.pathname.replace(/\/*$/, "/"), location.origin);
const REFRESH_BEFORE_SECONDS = 60;

let tokens = null;
let refreshing = null;
let timer = null;
let onEnd = () => {};

/** Call `listener(sentence)` when the session ends by itself. */
export const whenEnded = (listener) => {
  onEnd = listener;
};

async function request(path, { method = "GET", query, json, form, headers = {}, signal, token } = {}) {
  const url = new URL(typeof path === "string" ? path.replace(/^\//, "") : path, ROOT);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  const sent = { ...headers };
  if (token) sent.Authorization = `Bearer ${token}`;
  if (json !== undefined) sent["Content-Type"] = "application/json";
  try {
    return await fetch(url, {
      method,
      signal,
      headers: sent,
      body: form ? new URLSearchParams(form) : json === undefined ? undefined : JSON.stringify(json),
      cache: "no-store",
      credentials: "omit",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
}

function keep(pair) {
  tokens = pair;
  clearTimeout(timer);
  const seconds = Math.max(pair.expires_in - REFRESH_BEFORE_SECONDS, pair.expires_in / 2);
  timer = setTimeout(() => refresh(pair).catch(() => {}), seconds * 1000);
}

/** Begin a session. Throws a Problem. */
export async function signIn(username, password) {
  const response = await request("auth/login", { method: "POST", form: { username, password } });
  if (!response.ok) throw await problemOf(response);
  keep(await response.json());
}

export function signOut() {
  tokens = null;
  clearTimeout(timer);
}

/** Get the next tokens in the place of `old`; who asks meanwhile waits for the same ones. */
function refresh(old) {
  if (tokens !== old) return Promise.resolve();
  refreshing ??= renew(old).finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function renew(old) {
  const response = await request("auth/refresh", { method: "POST", json: { refresh_token: old.refresh_token } });
  if (response.ok) {
    const pair = await response.json();
    if (tokens === old) keep(pair);
    return;
  }
  const problem = await problemOf(response);
  if (response.status === 401 && tokens === old) {
    signOut();
    onEnd("Your session has ended. Please sign in again.");
  }
  throw problem;
}

/** The response of the API to an authorised call. Throws a Problem where it is not 2xx. */
export async function call(path, options = {}) {
  const used = tokens;
  let response = await request(path, { ...options, token: used?.access_token });
  if (response.status === 401 && used) {
    await response.body?.cancel();
    await refresh(used);
    response = await request(path, { ...options, token: tokens?.access_token });
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/** The JSON of an answer. */
export const get = async (path, options) => (await call(path, options)).json();

/** The JSON of a page, and the address of the next one (RFC 8288), where there is one. */
export async function getPage(path, options) {
  const response = await call(path, options);
  const next = /<([^>]*)>\s*;[^,]*rel="?next"?/.exec(response.headers.get("Link") ?? "");
  return { body: await response.json(), next: next ? new URL(next[1], response.url) : null };
}

/** Send JSON, once however often it is delivered. Answers the JSON of the answer, or null. */
export async function send(method, path, json) {
  const key = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const response = await call(path, { method, json, headers: { "Idempotency-Key": key } });
  return response.status === 204 ? null : response.json();
}

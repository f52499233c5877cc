// The session with the API. Tokens stay in memory, and are refreshed before they expire and after a 401.
import { toProblem, unreachableProblem } from "./words.js";

// The page is at the API's root, whether or not its URL ends with a slash.
const ROOT = new URL(location.pathname.replace(/\/*$/, "/"), location.origin);
const REFRESH_BEFORE_SECONDS = 60;
const MAX_PAGES = 20;
const BAD_CREDENTIALS = 4131;
const EXPIRED = "Your session has expired. Please sign in again.";
const ENDED =
  "You were signed out: your session was ended, your password was reset, or your account was disabled or deleted. Sign in again, or ask an administrator.";

let tokens = null;
let refreshing = null;
let timer = null;
let isLoggingOut = false;
let listener = () => {};

/** Set the listener, called with the reason when the site has ended the session. */
export const onSessionEnd = (newListener) => {
  listener = newListener;
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
    throw unreachableProblem();
  }
}

function storeTokens(pair) {
  tokens = pair;
  clearTimeout(timer);
  const seconds = Math.max(pair.expires_in - REFRESH_BEFORE_SECONDS, pair.expires_in / 2);
  timer = setTimeout(() => refresh(pair).catch(() => {}), seconds * 1000);
}

/** Start a session. Throws a Problem. */
export async function signIn(username, password) {
  const response = await request("auth/login", { method: "POST", form: { username, password } });
  if (!response.ok) throw await toProblem(response);
  storeTokens(await response.json());
}

function forgetTokens() {
  tokens = null;
  clearTimeout(timer);
}

/** End this session, or all of the user's, and forget its tokens. After a Problem, the session goes on. */
export async function logOut(everywhere) {
  isLoggingOut = true;
  try {
    await send("POST", "auth/logout", { everywhere });
    forgetTokens();
  } finally {
    isLoggingOut = false;
  }
}

/** Replace the tokens `old` with the next ones. Concurrent callers share one request. */
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
    if (tokens === old) storeTokens(pair);
    return;
  }
  const problem = await toProblem(response);
  if (response.status === 401 && tokens === old) {
    forgetTokens();
    if (!isLoggingOut) listener(problem.detail === "Token has expired" ? EXPIRED : ENDED);
  }
  throw problem;
}

/** Call the API with the access token and return its response. Throws a Problem if it is not 2xx. */
export async function call(path, options = {}) {
  const used = tokens;
  let response = await request(path, { ...options, token: used?.access_token });
  if (response.status === 401 && used) {
    const problem = await toProblem(response);
    // The current password is wrong, not the token: another attempt would count as a second guess.
    if (problem.subcode === BAD_CREDENTIALS) throw problem;
    await refresh(used);
    response = await request(path, { ...options, token: tokens?.access_token });
  }
  if (!response.ok) throw await toProblem(response);
  return response;
}

/** Get JSON. */
export const get = async (path, options) => (await call(path, options)).json();

/** Get a page: `{body, next}`, where `next` is the URL of the next page (RFC 8288) or null. */
export async function getPage(path, options) {
  const response = await call(path, options);
  const next = /<([^>]*)>\s*;[^,]*rel="?next"?/.exec(response.headers.get("Link") ?? "");
  return { body: await response.json(), next: next ? new URL(next[1], response.url) : null };
}

/** Get all items of a list, `pick(body)` of each of up to `MAX_PAGES` pages. */
export async function getAll(path, pick, { query, signal }) {
  let page = await getPage(path, { query: { limit: 1000, ...query }, signal });
  const items = [...pick(page.body)];
  for (let read = 1; page.next && read < MAX_PAGES; read++) {
    page = await getPage(page.next, { signal });
    items.push(...pick(page.body));
  }
  return items;
}

/** Send JSON with an idempotency key. Return the JSON of the response, or null for a 204. */
export async function send(method, path, json) {
  const key = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const response = await call(path, { method, json, headers: { "Idempotency-Key": key } });
  return response.status === 204 ? null : response.json();
}

/** Change the user's own password. Throws a Problem. */
export const changePassword = (current, fresh) =>
  send("PUT", "users/me/password", { current_password: current, new_password: fresh });

/** Set a new password with a reset token, without a session. Throws a Problem. */
export async function resetPassword(token, fresh) {
  const json = { reset_token: token, new_password: fresh };
  const response = await request("auth/reset-password", { method: "POST", json });
  if (!response.ok) throw await toProblem(response);
}

// Alerts as Server-Sent Events over fetch, which, unlike EventSource, can send a token and reports failures.
import { call } from "./session.js";

const FIRST_PAUSE = 1000;
const MAX_PAUSE = 15_000;

const sleep = (milliseconds, signal) =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });

/** Yield the events of a stream (HTML Living Standard, section 9.2): `{id, retry, event, data}`. */
export async function* parseEvents(body) {
  let buffer = "";
  let event = {};
  for await (const text of readChunks(body)) {
    buffer += text;
    const lines = buffer.split(/\r\n|\n|\r/);
    buffer = lines.pop();
    for (const line of lines) {
      if (line === "") {
        yield event;
        event = {};
      } else if (!line.startsWith(":")) {
        const [, name, value] = /^([^:]*)(?:: ?(.*))?$/.exec(line);
        event[name] = name === "data" && event.data !== undefined ? `${event.data}\n${value ?? ""}` : (value ?? "");
      }
    }
  }
}

async function* readChunks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) yield chunk.value;
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Until `signal` aborts, call `onAlerts([...])` for new alerts and `onState({live, problem, retryIn})` for the connection. */
export async function watchAlerts({ replay, signal, onAlerts, onState }) {
  let last = null;
  let retry = 200;
  let pause = FIRST_PAUSE;
  while (!signal.aborted) {
    try {
      const headers = last === null ? {} : { "Last-Event-ID": last };
      // The first request does not wait, so that the page shows at once that the connection is live.
      const query = last === null ? { replay, wait: 0 } : { wait: 20 };
      const response = await call("alerts", { headers, query, signal });
      onState({ live: true });
      pause = FIRST_PAUSE;
      const alerts = [];
      try {
        for await (const event of parseEvents(response.body)) {
          if (event.data !== undefined) alerts.push(JSON.parse(event.data));
          if (event.retry !== undefined) retry = Number(event.retry) || retry;
          if (event.id !== undefined) last = event.id;
        }
      } finally {
        // Deliver alerts received before a disconnect too: the next request starts after `last`.
        onAlerts(alerts);
      }
      await sleep(retry, signal);
    } catch (problem) {
      if (signal.aborted) return;
      onState({ live: false, problem, retryIn: pause });
      await sleep(pause, signal);
      pause = Math.min(pause * 2, MAX_PAUSE);
    }
  }
}

// Load the panels' data: poll while the page is visible, page by page.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, getPage } from "./session.js";

const MAX_ITEMS = 2000;

/** Call `task(signal)` now and every `seconds` while the page is visible. Return a function that calls it at once. */
export function usePolling(task, seconds, dependencies) {
  const latest = useRef(task);
  latest.current = task;
  const runNow = useRef(() => Promise.resolve());
  useEffect(() => {
    const abort = new AbortController();
    let timer = null;
    const run = async () => {
      clearTimeout(timer);
      if (!document.hidden) await latest.current(abort.signal);
      if (!abort.signal.aborted && seconds) {
        clearTimeout(timer);
        timer = setTimeout(run, seconds * 1000);
      }
    };
    const onVisible = () => !document.hidden && run();
    runNow.current = run;
    document.addEventListener("visibilitychange", onVisible);
    run();
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, dependencies);
  return useCallback(() => runNow.current(), []);
}

/** `{data, problem, reload}`: the result of `load(signal)`. After a failure, the previous data stays. */
export function useLoaded(load, seconds, dependencies = []) {
  const key = JSON.stringify(dependencies);
  const [state, setState] = useState({ key, data: null, problem: null });
  const reload = usePolling(
    async (signal) => {
      try {
        const data = await load(signal);
        if (!signal.aborted) setState({ key, data, problem: null });
      } catch (problem) {
        if (!signal.aborted) setState((old) => ({ key, data: old.key === key ? old.data : null, problem }));
      }
    },
    seconds,
    [key],
  );
  // Do not show data loaded for other dependencies.
  return state.key === key ? { ...state, reload } : { data: null, problem: null, reload };
}

/** The JSON at `path`, reloaded every `seconds`. */
export const useJson = (path, seconds, query) =>
  useLoaded((signal) => get(path, { query, signal }), seconds, [path, JSON.stringify(query)]);

/** A list that grows at its top (newest first) and, with `more`, at its end: `{data, problem, more, busy, reload}`. */
export function useNewest(path, pick, seconds, query = {}) {
  const [state, setState] = useState({ items: null, next: null, problem: null, deep: false });
  const [busy, setBusy] = useState(false);
  const reload = usePolling(
    async (signal) => {
      try {
        const { body, next } = await getPage(path, { query, signal });
        if (!signal.aborted) setState((old) => withNewest(old, pick(body), next));
      } catch (problem) {
        if (!signal.aborted) setState((old) => ({ ...old, problem }));
      }
    },
    seconds,
    [path, JSON.stringify(query)],
  );
  const more = async () => {
    setBusy(true);
    try {
      const { body, next } = await getPage(state.next);
      setState((old) => ({ ...old, items: [...old.items, ...newItems(pick(body), old.items)], next, deep: true }));
    } catch (problem) {
      setState((old) => ({ ...old, problem }));
    }
    setBusy(false);
  };
  return { data: state.items, problem: state.problem, more: state.next && more, busy, reload };
}

const newItems = (items, known) => {
  const ids = new Set(known.map((one) => one.id));
  return items.filter((one) => !ids.has(one.id));
};

function withNewest(old, items, next) {
  const fresh = old.items ? newItems(items, old.items) : items;
  // Start over if only the first page is loaded, if items between old and new ones may be missing, or if it is too long.
  if (!old.deep || fresh.length === items.length || old.items.length > MAX_ITEMS) {
    return { items, next, problem: null, deep: false };
  }
  return { ...old, items: [...fresh, ...old.items], problem: null };
}

/** The current time, updated every `seconds`. */
export function useNow(seconds = 1) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
  return now;
}

/** `[busy, outcome, run]`: run a person's action and keep its outcome, `{good, text}`. */
export function useAction() {
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState(null);
  const run = async (action) => {
    setBusy(true);
    setOutcome(null);
    try {
      const text = await action();
      if (text) setOutcome({ good: true, text });
    } catch (problem) {
      setOutcome({ good: false, text: problem.message });
    }
    setBusy(false);
  };
  return [busy, outcome, run];
}

// How panels come by what they show: asked for now and then, page by page, and not while nobody looks.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, getPage } from "./session.js";

const MOST_KEPT = 2000;

/** Call `task(signal)` now, every `seconds` while the page is seen, and whenever `again` is called. */
export function useRepeated(task, seconds, dependencies) {
  const latest = useRef(task);
  latest.current = task;
  const again = useRef(() => Promise.resolve());
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
    const seen = () => !document.hidden && run();
    again.current = run;
    document.addEventListener("visibilitychange", seen);
    run();
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, dependencies);
  return useCallback(() => again.current(), []);
}

/** `{data, problem, reload}`: what `ask(signal)` gives; after a failure what it gave last stays. */
export function useAsked(ask, seconds, dependencies = []) {
  const about = JSON.stringify(dependencies);
  const [state, setState] = useState({ about, data: null, problem: null });
  const reload = useRepeated(
    async (signal) => {
      try {
        const data = await ask(signal);
        if (!signal.aborted) setState({ about, data, problem: null });
      } catch (problem) {
        if (!signal.aborted) setState((old) => ({ about, data: old.about === about ? old.data : null, problem }));
      }
    },
    seconds,
    [about],
  );
  // What was asked before is no answer to what is asked now.
  return state.about === about ? { ...state, reload } : { data: null, problem: null, reload };
}

/** The JSON at `path`, asked for every `seconds`. */
export const useJson = (path, seconds, query) =>
  useAsked((signal) => get(path, { query, signal }), seconds, [path, JSON.stringify(query)]);

/** A list that grows at its top (newest first) and, with `more`, at its end: `{data, problem, more, busy, reload}`. */
export function useNewest(path, pick, seconds, query = {}) {
  const [state, setState] = useState({ items: null, next: null, problem: null, deep: false });
  const [busy, setBusy] = useState(false);
  const reload = useRepeated(
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
      setState((old) => ({ ...old, items: [...old.items, ...unknown(pick(body), old.items)], next, deep: true }));
    } catch (problem) {
      setState((old) => ({ ...old, problem }));
    }
    setBusy(false);
  };
  return { data: state.items, problem: state.problem, more: state.next && more, busy, reload };
}

const unknown = (items, known) => {
  const ids = new Set(known.map((one) => one.id));
  return items.filter((one) => !ids.has(one.id));
};

function withNewest(old, items, next) {
  const fresh = old.items ? unknown(items, old.items) : items;
  // A list that nobody went down in, and one that has missed a whole page, begins anew.
  if (!old.deep || fresh.length === items.length || old.items.length > MOST_KEPT) {
    return { items, next, problem: null, deep: false };
  }
  return { ...old, items: [...fresh, ...old.items], problem: null };
}

/** The time, every `seconds`. */
export function useNow(seconds = 1) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds]);
  return now;
}

/** `[busy, outcome, run]`: run something a person asked for, and keep the sentence that says what came of it. */
export function useAction() {
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState(null);
  const run = async (action) => {
    setBusy(true);
    setOutcome(null);
    try {
      const said = await action();
      if (said) setOutcome({ good: true, said });
    } catch (problem) {
      setOutcome({ good: false, said: problem.message });
    }
    setBusy(false);
  };
  return [busy, outcome, run];
}

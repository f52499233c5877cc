// The components that panels are made of.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { useAction, useNow } from "./hooks.js";
import { formatAge, formatFullTime } from "./words.js";

/** A section with a heading; `aside` is shown to the right of the heading. */
export function Panel({ title, aside, className = "", children, id }) {
  const heading = useId();
  return (
    <section class={`panel ${className}`} aria-labelledby={heading} id={id}>
      <header class="panel-head">
        <h2 id={heading}>{title}</h2>
        {aside && <div class="panel-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

/** Shows loaded data (`{data, problem}`), or a placeholder while it loads, fails or is empty. */
export function Loaded({ state, empty, rows = 4, children }) {
  const { data, problem } = state;
  if (data === null) {
    if (!problem) return <Skeleton rows={rows} />;
    return <p class={problem.isMissingRoute ? "empty" : "trouble"}>{problem.message}</p>;
  }
  const isEmpty = Array.isArray(data) ? data.length === 0 : Object.keys(data).length === 0;
  return (
    <>
      {problem && <p class="trouble">Not up to date: {problem.message}</p>}
      {isEmpty && empty ? <p class="empty">{empty}</p> : children(data)}
    </>
  );
}

const Skeleton = ({ rows }) => (
  <div class="skeleton" role="status">
    <span class="unseen">Loading…</span>
    {Array.from({ length: rows }, (_, row) => (
      <span key={row} class="bone" />
    ))}
  </div>
);

/** A list that scrolls within its panel, also by keyboard. */
export const Scroll = ({ label, children, className = "" }) => (
  <div class={`scroll ${className}`} tabIndex={0} role="region" aria-label={label}>
    {children}
  </div>
);

export const More = ({ list, what }) =>
  list.more ? (
    <button type="button" class="quiet wide" onClick={list.more} disabled={list.busy}>
      {list.busy ? "Loading…" : `More ${what}`}
    </button>
  ) : null;

/** How long ago `time` is, updated every few seconds. */
export function Ago({ time }) {
  const now = useNow(5);
  return (
    <time dateTime={time} title={formatFullTime(time)} class="ago">
      {formatAge(time, Math.max(now, Date.now()))}
    </time>
  );
}

/** The outcome of an action. Always rendered, so that screen readers announce changes. */
export const Outcome = ({ outcome }) => (
  <p class={`outcome ${outcome ? (outcome.good ? "good" : "bad") : ""}`} role="status">
    {outcome?.text}
  </p>
);

export function Field({ label, children, className = "" }) {
  return (
    <label class={`field ${className}`}>
      <span>{label}</span>
      {children}
    </label>
  );
}

/** A choice of a few options, as a row of buttons. */
export function Choice({ label, options, value, onChoose }) {
  return (
    <div class="choice" role="group" aria-label={label}>
      {options.map(([one, name]) => (
        <button type="button" key={one} aria-pressed={one === value} onClick={() => onChoose(one)}>
          {name}
        </button>
      ))}
    </div>
  );
}

/** A modal dialog, open while it is rendered. When it closes, the focus returns to where it was. */
export function Dialog({ title, onClose, children }) {
  const heading = useId();
  const dialog = useRef(null);
  useEffect(() => {
    const places = [];
    for (let place = document.activeElement; place; place = place.parentElement) places.push(place);
    dialog.current.showModal();
    return () => returnFocus(places);
  }, []);
  return (
    <dialog ref={dialog} class="panel dialog" aria-labelledby={heading} onCancel={onClose}>
      <h2 id={heading}>{title}</h2>
      {children}
    </dialog>
  );
}

/** Focus the first of `places`, an element and what contains it, or the first control in the nearest one that is left. */
function returnFocus(places) {
  const [opener] = places;
  const place = places.find((one) => one.isConnected);
  (place === opener ? opener : place.querySelector("summary, button, input"))?.focus();
}

/** Ask before an action: `says` is what it will do. The dialog closes when `action` is done, and shows why it failed. */
export function Confirm({ title, says, button, danger, action, onClose }) {
  const [busy, outcome, run] = useAction();
  const confirm = () =>
    run(async () => {
      await action();
      onClose();
    });
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{says}</p>
      <Outcome outcome={outcome} />
      <div class="inline">
        <button type="button" class={danger ? "danger" : "primary"} disabled={busy} onClick={confirm}>
          {button}
        </button>
        <button type="button" class="quiet" onClick={onClose} autofocus={danger}>
          Cancel
        </button>
      </div>
    </Dialog>
  );
}

/** A token that no later response contains. `link`, if any, is another form of it to copy. */
export function Secret({ label, value, link, onDone, children }) {
  const [status, setStatus] = useState("");
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      setStatus("Copied.");
    } catch {
      setStatus("The browser does not allow copying: select the text and copy it by hand.");
    }
  };
  const field = (name, text) => (
    <textarea readOnly rows={3} aria-label={name} value={text} onFocus={(event) => event.currentTarget.select()} />
  );
  return (
    <div class="issued">
      <p>{children} Copy it now: it is shown only once.</p>
      {field(label, value)}
      {link && field("Link", link)}
      <div class="inline">
        <button type="button" onClick={() => copy(value)}>
          Copy
        </button>
        {link && (
          <button type="button" onClick={() => copy(link)}>
            Copy the link
          </button>
        )}
        <button type="button" class="quiet" onClick={onDone}>
          I have it
        </button>
        <span role="status" class="soft">
          {status}
        </span>
      </div>
    </div>
  );
}

import { useState } from "preact/hooks";
import { useAction, useLoaded } from "./hooks.js";
import { Field, Loaded, Outcome, Panel } from "./parts.jsx";
import { call, getPage, send } from "./session.js";
import { formatMeasurement } from "./words.js";

export function Admin({ onPopulated }) {
  return (
    <Panel title="Administration" id="admin">
      <Populate onPopulated={onPopulated} />
      <ApiTokens />
    </Panel>
  );
}

function Populate({ onPopulated }) {
  const [busy, outcome, run] = useAction();
  const populate = () =>
    run(async () => {
      const point = await send("POST", "api/populate");
      await onPopulated();
      return `Fetched ${formatMeasurement(point.value)}${point.valid ? "" : ` (invalid: ${point.tags.join(", ")})`}.`;
    });
  return (
    <div class="stack part">
      <h3>Instrument</h3>
      <button type="button" onClick={populate} disabled={busy}>
        {busy ? "Fetching…" : "Fetch a data point now"}
      </button>
      <Outcome outcome={outcome} />
    </div>
  );
}

function ApiTokens() {
  const tokens = useLoaded(async (signal) => {
    let page = await getPage("api/tokens", { query: { limit: 100 }, signal });
    const found = [...page.body.tokens];
    while (page.next) {
      page = await getPage(page.next, { signal });
      found.push(...page.body.tokens);
    }
    return found.reverse();
  }, 0);
  const [busy, outcome, run] = useAction();
  const [issued, setIssued] = useState(null);

  const issue = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const { name, days } = Object.fromEntries(new FormData(form));
    run(async () => {
      setIssued(await send("POST", "api/tokens", { name: name.trim(), expires_in_days: Number(days) }));
      form.reset();
      await tokens.reload();
    });
  };
  const revoke = (token) =>
    run(async () => {
      await call(`api/tokens/${encodeURIComponent(token.id)}`, { method: "DELETE" });
      await tokens.reload();
      return `“${token.name}” is revoked.`;
    });
  return (
    <div class="stack part">
      <h3>API tokens</h3>
      <form class="inline" onSubmit={issue}>
        <Field label="Name" className="grow">
          <input name="name" maxLength={64} required autocomplete="off" placeholder="North camera" />
        </Field>
        <Field label="Days">
          <input name="days" type="number" min="1" max="3650" defaultValue="365" required class="small" />
        </Field>
        <button type="submit" class="primary" disabled={busy}>
          Issue
        </button>
      </form>
      <Outcome outcome={outcome} />
      {issued && <Issued issued={issued} onDone={() => setIssued(null)} />}
      <Loaded state={tokens} empty="No API tokens: machines need one to send detections and events." rows={2}>
        {(list) => (
          <ul class="rows">
            {list.map((token) => (
              <li key={token.id} class="row">
                <span class="row-main">
                  <strong>{token.name}</strong>
                  <span class="soft">until {new Date(token.expires_at).toLocaleDateString()}</span>
                </span>
                <Revoke token={token} busy={busy} onRevoke={revoke} />
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </div>
  );
}

/** The new token, which no later response contains. */
function Issued({ issued, onDone }) {
  const [status, setStatus] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(issued.api_token);
      setStatus("Copied.");
    } catch {
      setStatus("The browser does not allow copying: select the token and copy it by hand.");
    }
  };
  return (
    <div class="issued">
      <p>
        The token of <strong>{issued.name}</strong>. Copy it now: it is shown only once.
      </p>
      <textarea readOnly rows={3} aria-label="API token" value={issued.api_token} onFocus={(event) => event.currentTarget.select()} />
      <div class="inline">
        <button type="button" onClick={copy}>
          Copy
        </button>
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

function Revoke({ token, busy, onRevoke }) {
  const [isAsking, setAsking] = useState(false);
  if (!isAsking) {
    return (
      <button type="button" class="quiet" onClick={() => setAsking(true)} aria-label={`Revoke ${token.name}`}>
        Revoke
      </button>
    );
  }
  return (
    <span class="inline">
      <button type="button" class="danger" disabled={busy} onClick={() => onRevoke(token)} aria-label={`Yes, revoke ${token.name}`}>
        Revoke it
      </button>
      <button type="button" class="quiet" onClick={() => setAsking(false)}>
        Keep
      </button>
    </span>
  );
}

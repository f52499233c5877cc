import { useState } from "preact/hooks";
import { useAction } from "./hooks.js";
import { Ago, Confirm, Field, Loaded, Outcome, Scroll, Secret } from "./parts.jsx";
import { send } from "./session.js";

const SCOPES = ["detections", "events", "readings"];

/** The tokens of machines. `names` has the usernames by id. */
export function ApiTokens({ tokens, names }) {
  const [busy, outcome, run] = useAction();
  const [issued, setIssued] = useState(null);
  const [revoking, setRevoking] = useState(null);

  const issue = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const data = new FormData(form);
    const source = data.get("source").trim();
    run(async () => {
      const fields = { name: data.get("name").trim(), expires_in_days: Number(data.get("days")), scopes: data.getAll("scope") };
      setIssued(await send("POST", "api/tokens", source ? { ...fields, source } : fields));
      form.reset();
      await tokens.reload();
    });
  };
  const revoke = async () => {
    await send("DELETE", `api/tokens/${encodeURIComponent(revoking.id)}`);
    run(async () => `“${revoking.name}” is revoked.`);
    await tokens.reload();
  };
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
        <fieldset class="checks">
          <legend>May send</legend>
          {SCOPES.map((scope) => (
            <label key={scope}>
              <input type="checkbox" name="scope" value={scope} defaultChecked /> {scope}
            </label>
          ))}
        </fieldset>
        <Field label="Only as this source (optional)" className="grow">
          <input name="source" autocomplete="off" placeholder="any" />
        </Field>
        <button type="submit" class="primary" disabled={busy}>
          Issue
        </button>
      </form>
      <p class="caption">A machine with the token can send what is checked, and nothing else, until the token expires or is revoked.</p>
      <Outcome outcome={outcome} />
      {issued && (
        <Secret label="API token" value={issued.api_token} onDone={() => setIssued(null)}>
          The token of <strong>{issued.name}</strong>.
        </Secret>
      )}
      <Loaded state={tokens} empty="No API tokens: machines need one to send detections and events." rows={2}>
        {(list) => (
          <Scroll label="Tokens of machines, newest first">
            <ul class="rows">
              {[...list].reverse().map((token) => (
                <li key={token.id} class="row">
                  <span class="row-main">
                    <strong>{token.name}</strong>
                    <span class="soft">
                      sends {token.scopes.join(", ")}
                      {token.source !== null && ` as ${token.source}`}; until {new Date(token.expires_at).toLocaleDateString()}; by{" "}
                      {names.get(token.created_by) ?? token.created_by}; {token.last_used_at ? <>used <Ago time={token.last_used_at} /></> : "never used"}
                    </span>
                  </span>
                  <button type="button" class="quiet" onClick={() => setRevoking(token)} aria-label={`Revoke ${token.name}`}>
                    Revoke
                  </button>
                </li>
              ))}
            </ul>
          </Scroll>
        )}
      </Loaded>
      {revoking && (
        <Confirm
          title={`Revoke ${revoking.name}?`}
          says="The machine that has this token is refused within 60 seconds. This cannot be undone: it then needs a new token."
          button="Revoke"
          danger
          action={revoke}
          onClose={() => setRevoking(null)}
        />
      )}
    </div>
  );
}

import { useMemo } from "preact/hooks";
import { Audit } from "./audit.jsx";
import { useAction, useLoaded } from "./hooks.js";
import { Outcome, Panel } from "./parts.jsx";
import { People } from "./people.jsx";
import { getAll, send } from "./session.js";
import { ApiTokens } from "./tokens.jsx";
import { formatMeasurement } from "./words.js";

/** The panels for admins. `users` is the loaded list of all users. */
export function Admin({ users, onPopulated }) {
  const tokens = useLoaded((signal) => getAll("api/tokens", (body) => body.tokens, { signal }), 60);
  const names = useMemo(() => {
    const people = (users.data ?? []).map(({ id, username }) => [id, username]);
    return new Map([...people, ...(tokens.data ?? []).map(({ id, name }) => [id, name])]);
  }, [users.data, tokens.data]);
  return (
    <div class="office">
      <People users={users} />
      <Panel title="Administration" id="admin">
        <ApiTokens tokens={tokens} names={names} />
        <Populate onPopulated={onPopulated} />
      </Panel>
      <Audit names={names} />
    </div>
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

import { useState } from "preact/hooks";
import { useNewest } from "./hooks.js";
import { Ago, Field, Loaded, More, Panel, Scroll } from "./parts.jsx";
import { ACTIONS, formatDetail } from "./words.js";

/** Who did what to whom, newest first. `names` has the names of people and API tokens by id. */
export function Audit({ names }) {
  const [about, setAbout] = useState("");
  const [action, setAction] = useState("");
  const known = [...names].find(([, name]) => name === about.trim());
  const subject = known ? known[0] : about.trim();
  return (
    <Panel title="Audit" id="audit" aside={<span class="soft">kept for 400 days</span>}>
      <div class="inline" role="group" aria-label="Filter">
        <Field label="About" className="grow">
          <input
            type="search"
            list="names"
            value={about}
            maxLength={64}
            autocomplete="off"
            placeholder="Name or id"
            onChange={(event) => setAbout(event.currentTarget.value)}
          />
        </Field>
        <datalist id="names">
          {[...names.values()].map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <Field label="Action" className="grow">
          <select value={action} onChange={(event) => setAction(event.currentTarget.value)}>
            <option value="">All</option>
            {Object.entries(ACTIONS).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </Field>
      </div>
      <Entries key={`${subject} ${action}`} query={{ limit: 25, subject, action }} names={names} />
    </Panel>
  );
}

function Entries({ query, names }) {
  const entries = useNewest("audit", (body) => body.entries, 10, query);
  const nameOf = (id) => names.get(id) ?? id;
  return (
    <Loaded state={entries} empty="No such entry.">
      {(list) => (
        <Scroll label="Audit log, newest first" className="tall">
          <ol class="rows">
            {list.map((entry) => (
              <li key={entry.id} class="row">
                <span class="row-main">
                  <strong>{ACTIONS[entry.action] ?? entry.action}</strong>
                  {entry.subject && <span>{nameOf(entry.subject)}</span>}
                  <span class="soft">
                    {[
                      formatDetail(entry.detail),
                      entry.actor && entry.actor !== entry.subject && `by ${nameOf(entry.actor)}`,
                      entry.address && `from ${entry.address}`,
                    ]
                      .filter(Boolean)
                      .join(" · ")}
                  </span>
                </span>
                <Ago time={entry.at} />
              </li>
            ))}
          </ol>
          <More list={entries} what="entries" />
        </Scroll>
      )}
    </Loaded>
  );
}

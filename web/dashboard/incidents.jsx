import { useAction, useNewest } from "./hooks.js";
import { Ago, Loaded, More, Outcome, Panel, Scroll } from "./parts.jsx";
import { send } from "./session.js";
import { plural } from "./words.js";

/** What needs somebody now: the incidents that are not closed, newest first. */
export function Incidents() {
  const incidents = useNewest("incidents", (body) => body.incidents, 3, { state: "active", limit: 50 });
  const list = incidents.data;
  return (
    <Panel
      title="Incidents"
      className="incidents"
      id="incidents"
      aside={list && list.length > 0 && <span class="soft">{plural(list.length, "incident", "incidents")}, newest first</span>}
    >
      <Loaded state={incidents} empty="Nothing needs attention." rows={3}>
        {(found) => (
          <Scroll label="Incidents that are not closed, newest first">
            <ol class="rows">
              {found.map((incident) => (
                <Incident key={incident.id} incident={incident} onChange={incidents.reload} />
              ))}
            </ol>
            <More list={incidents} what="incidents" />
          </Scroll>
        )}
      </Loaded>
    </Panel>
  );
}

function Incident({ incident, onChange }) {
  const [busy, outcome, run] = useAction();
  const act = (fields) =>
    run(async () => {
      try {
        await send("POST", `incidents/${incident.id}/acts`, fields);
      } finally {
        onChange();
      }
    });
  const isOpen = incident.state === "open";
  const name = `incident ${incident.number}`;
  return (
    <li class={`row incident ${incident.severity}`}>
      <span class="row-main">
        <strong>{incident.title}</strong>
        <span class="soft">
          {[
            `#${incident.number}`,
            incident.severity,
            incident.rule.name,
            incident.zone,
            incident.occurrences > 1 && `${incident.occurrences} times`,
            incident.acknowledged_by && `acknowledged by ${incident.acknowledged_by}`,
            incident.assignee && `assigned to ${incident.assignee}`,
            incident.shadow && "shadow",
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
        <Outcome outcome={outcome} />
      </span>
      <span class="inline">
        {isOpen && (
          <button type="button" disabled={busy} aria-label={`Acknowledge ${name}`} onClick={() => act({ act: "acknowledge" })}>
            Acknowledge
          </button>
        )}
        <button type="button" class="quiet" disabled={busy} aria-label={`Close ${name}`} onClick={() => act({ act: "close" })}>
          Close
        </button>
        <button
          type="button"
          class="quiet"
          disabled={busy}
          aria-label={`Close ${name} as a false alarm`}
          onClick={() => act({ act: "close", reason: "false_alarm" })}
        >
          False alarm
        </button>
        <Ago time={incident.opened_at} />
      </span>
    </li>
  );
}

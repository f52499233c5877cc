import { useEffect, useState } from "preact/hooks";
import { AccountMenu } from "./account.jsx";
import { Admin } from "./admin.jsx";
import { watchAlerts } from "./alerts.js";
import { Detections, Vehicles } from "./detections.jsx";
import { useJson, useLoaded, useNewest, useNow } from "./hooks.js";
import { Incidents } from "./incidents.jsx";
import { Instrument, useDataPoints } from "./instrument.jsx";
import { Messages, Notifications } from "./messages.jsx";
import { Ago, Loaded, More, Panel, Scroll } from "./parts.jsx";
import { Rooms, useRooms } from "./rooms.jsx";
import { getAll } from "./session.js";
import { Logo } from "./signin.jsx";
import { formatBriefCount, formatCount, formatMeasurement, formatTimeWithSeconds, plural } from "./words.js";

const MAX_ALERTS = 200;
const RECENT_MINUTES = 10;

/** `{alerts, connection, announcement}`: the latest alerts, newest first, and the state of the stream. */
function useAlerts() {
  const [alerts, setAlerts] = useState(null);
  const [connection, setConnection] = useState({ live: false });
  const [announcement, setAnnouncement] = useState("");
  useEffect(() => {
    const abort = new AbortController();
    let isFirst = true;
    watchAlerts({
      replay: MAX_ALERTS,
      signal: abort.signal,
      onState: setConnection,
      onAlerts: (received) => {
        if (abort.signal.aborted) return;
        const isNew = !isFirst;
        const marked = received.map((alert) => ({ ...alert, isNew })).reverse();
        setAlerts((old) => [...marked, ...(old ?? [])].slice(0, MAX_ALERTS));
        if (isNew && received.length) {
          const { year, make, model } = received.at(-1);
          setAnnouncement(received.length === 1 ? `New alert: ${year} ${make} ${model}` : `${received.length} new alerts`);
        }
        isFirst = false;
      },
    });
    return () => abort.abort();
  }, []);
  return { alerts, connection, announcement };
}

/** The page of a user who signed in as `signedIn`. A changed role or name is shown without signing in again. */
export function Dashboard({ signedIn, onLeave }) {
  const me = useJson("users/me", 10).data ?? signedIn;
  const users = useLoaded((signal) => getAll("users", (body) => body.users, { signal }), 30, [me.role]);
  const isAdmin = me.role === "admin";
  const { alerts, connection, announcement } = useAlerts();
  const [by, setBy] = useState("make");
  const stats = useJson("stats", 5, { by });
  const detections = useNewest("detections", (body) => body, 5, { limit: 20 });
  const rooms = useRooms();
  const [hours, setHours] = useState(6);
  const points = useDataPoints(hours);
  const events = useNewest("api/event", (body) => body.events, 5, { limit: 15 });

  return (
    <div class="page">
      <header class="top">
        <div class="brand">
          <Logo />
          <h1>Sitewatch</h1>
        </div>
        <Connection connection={connection} />
        <Clock />
        <AccountMenu me={me} onLeave={onLeave} />
      </header>
      <p class="unseen" role="status">
        {announcement}
      </p>
      <main class="content">
        <Summary {...{ alerts, connection, stats, rooms, points, events }} />
        <Incidents />
        <div class="columns">
          <div class="column">
            <Alerts alerts={alerts} connection={connection} />
            <Detections detections={detections} />
          </div>
          <div class="column">
            <Rooms rooms={rooms} />
            <Vehicles stats={stats} by={by} onBy={setBy} />
          </div>
          <div class="column">
            <Instrument points={points} hours={hours} onHours={setHours} isAdmin={isAdmin} />
            <Events events={events} />
          </div>
          <div class="column">
            <Notifications />
            <Messages me={me} users={users} />
          </div>
        </div>
        {isAdmin && <Admin users={users} onPopulated={points.reload} />}
      </main>
    </div>
  );
}

function Connection({ connection }) {
  const [text, kind] = connection.live
    ? ["Live", "live"]
    : connection.problem
      ? [`Reconnecting: ${connection.problem.message}`, "down"]
      : ["Connecting…", "waiting"];
  return (
    <p class={`line ${kind}`} role="status">
      <span class="lamp" aria-hidden="true" />
      {text}
    </p>
  );
}

const Clock = () => (
  <p class="clock" aria-hidden="true">
    {formatTimeWithSeconds(useNow(1))}
  </p>
);

/** Five numbers that sum up the site. */
function Summary({ alerts, connection, stats, rooms, points, events }) {
  const since = useNow(5) - RECENT_MINUTES * 60_000;
  const recent = (alerts ?? []).filter((alert) => new Date(alert.created_at) >= since).length;
  const [newest] = alerts ?? [];
  const totals = Object.entries(stats.data ?? {});
  const [most] = [...totals].sort((one, other) => other[1] - one[1]);
  const inside = (rooms.data ?? []).reduce((sum, room) => sum + (room.inside ?? 0), 0);
  const point = points.data?.at(-1);
  const [event] = events.data ?? [];
  const placeholder = ({ problem }) => (problem?.isMissingRoute ? "not deployed yet" : problem ? "no response" : "loading…");
  return (
    <dl class="summary">
      <Tile
        name={`Alerts in ${RECENT_MINUTES} min`}
        value={alerts && (recent === MAX_ALERTS ? `${MAX_ALERTS}+` : formatCount(recent))}
        className={recent ? "hot" : ""}
      >
        {newest ? (
          <>
            {newest.make} {newest.model}, <Ago time={newest.created_at} />
          </>
        ) : alerts ? (
          "none so far"
        ) : connection.problem ? (
          "no response"
        ) : (
          "loading…"
        )}
      </Tile>
      <Tile
        name="Vehicles seen"
        value={stats.data && formatBriefCount(totals.reduce((sum, [, number]) => sum + number, 0))}
      >
        {stats.data ? (most ? `most: ${most[0]}, ${formatBriefCount(most[1])}` : "none so far") : placeholder(stats)}
      </Tile>
      <Tile name="People inside" value={rooms.data && formatBriefCount(inside)}>
        {rooms.data ? `in ${plural(rooms.data.length, "room", "rooms")}${rooms.more ? " and more" : ""}` : placeholder(rooms)}
      </Tile>
      <Tile name="Instrument" value={points.data && (point ? formatMeasurement(point.value) : "–")}>
        {points.data ? point ? <>{point.valid ? "" : "invalid, "}<Ago time={point.time} /></> : "nothing measured yet" : placeholder(points)}
      </Tile>
      <Tile name="Last event" value={events.data && (event ? event.event_type : "–")} className="wordy">
        {events.data ? event ? <Ago time={event.created_at} /> : "none so far" : placeholder(events)}
      </Tile>
    </dl>
  );
}

const Tile = ({ name, value, className = "", children }) => (
  <div class={`tile ${className}`}>
    <dt>{name}</dt>
    <dd class="tile-value">{value ?? "–"}</dd>
    <dd class="tile-note">{children}</dd>
  </div>
);

function Alerts({ alerts, connection }) {
  const state = { data: alerts, problem: alerts ? null : connection.problem };
  return (
    <Panel
      title="Alerts"
      className="alerts"
      id="alerts"
      aside={alerts && alerts.length > 0 && <span class="soft">{plural(alerts.length, "alert", "alerts")}, newest first</span>}
    >
      <Loaded state={state} empty="No alerts yet: the simulator sends one every few seconds." rows={6}>
        {(list) => (
          <Scroll label="Alerts, newest first" className="tall">
            <ol class="rows">
              {list.map((alert) => (
                <li key={alert.id} class={`row alert ${alert.isNew ? "new" : ""}`}>
                  <span class="row-main">
                    <strong>
                      {alert.make} {alert.model}
                    </strong>
                    <span class="soft">
                      {alert.year} · {alert.category}
                    </span>
                  </span>
                  <Ago time={alert.created_at} />
                </li>
              ))}
            </ol>
          </Scroll>
        )}
      </Loaded>
    </Panel>
  );
}

function Events({ events }) {
  return (
    <Panel title="Events" id="events">
      <Loaded state={events} empty="No events yet: devices have not sent any.">
        {(list) => (
          <Scroll label="Events, newest first">
            <ol class="rows">
              {list.map((event) => (
                <li key={event.id} class="row">
                  <span class="row-main">
                    <strong>{event.event_type}</strong>
                    <span class="soft">{event.event_payload}</span>
                  </span>
                  <Ago time={event.created_at} />
                </li>
              ))}
            </ol>
            <More list={events} what="events" />
          </Scroll>
        )}
      </Loaded>
    </Panel>
  );
}

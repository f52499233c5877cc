import { useEffect, useState } from "preact/hooks";
import { Admin } from "./admin.jsx";
import { watch } from "./alerts.js";
import { Detections, Vehicles } from "./detections.jsx";
import { useJson, useNewest, useNow } from "./hooks.js";
import { Instrument, useDataPoints } from "./instrument.jsx";
import { Messages, Notifications } from "./messages.jsx";
import { Ago, More, Panel, Scroll, Shown } from "./parts.jsx";
import { Rooms, useRooms } from "./rooms.jsx";
import { Mark } from "./signin.jsx";
import { atClockSeconds, briefCount, count, measurement, plural } from "./words.js";

const MOST_ALERTS = 200;
const RECENT_MINUTES = 10;

/** The last alerts, newest first, and whether the line stands. */
function useAlerts() {
  const [alerts, setAlerts] = useState(null);
  const [line, setLine] = useState({ live: false });
  const [said, setSaid] = useState("");
  useEffect(() => {
    const abort = new AbortController();
    let isFirst = true;
    watch({
      replay: MOST_ALERTS,
      signal: abort.signal,
      onState: setLine,
      onAlerts: (came) => {
        if (abort.signal.aborted) return;
        const isNew = !isFirst;
        const marked = came.map((alert) => ({ ...alert, isNew })).reverse();
        setAlerts((old) => [...marked, ...(old ?? [])].slice(0, MOST_ALERTS));
        if (isNew && came.length) {
          const { year, make, model } = came.at(-1);
          setSaid(came.length === 1 ? `New alert: ${year} ${make} ${model}` : `${came.length} new alerts`);
        }
        isFirst = false;
      },
    });
    return () => abort.abort();
  }, []);
  return { alerts, line, said };
}

export function Dashboard({ me, onLeave }) {
  const isAdmin = me.role === "admin";
  const { alerts, line, said } = useAlerts();
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
          <Mark />
          <h1>Sitewatch</h1>
        </div>
        <Line line={line} />
        <Clock />
        <div class="who">
          <span class="who-name" title={me.username}>
            {me.full_name ?? me.username}
          </span>
          {isAdmin && <span class="tag">admin</span>}
          <button type="button" class="quiet" onClick={onLeave}>
            Sign out
          </button>
        </div>
      </header>
      <p class="unseen" role="status">
        {said}
      </p>
      <main class="content">
        <Summary {...{ alerts, line, stats, rooms, points, events }} />
        <div class="columns">
          <div class="column">
            <Alerts alerts={alerts} line={line} />
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
            <Messages me={me} />
            {isAdmin && <Admin onPopulated={points.reload} />}
          </div>
        </div>
      </main>
    </div>
  );
}

function Line({ line }) {
  const [word, kind] = line.live
    ? ["Live", "live"]
    : line.problem
      ? [`Reconnecting: ${line.problem.message}`, "down"]
      : ["Connecting…", "waiting"];
  return (
    <p class={`line ${kind}`} role="status">
      <span class="lamp" aria-hidden="true" />
      {word}
    </p>
  );
}

const Clock = () => (
  <p class="clock" aria-hidden="true">
    {atClockSeconds(useNow(1))}
  </p>
);

/** What is going on, in five numbers. */
function Summary({ alerts, line, stats, rooms, points, events }) {
  const since = useNow(5) - RECENT_MINUTES * 60_000;
  const recent = (alerts ?? []).filter((alert) => new Date(alert.created_at) >= since).length;
  const [newest] = alerts ?? [];
  const totals = Object.entries(stats.data ?? {});
  const [most] = [...totals].sort((one, other) => other[1] - one[1]);
  const inside = (rooms.data ?? []).reduce((sum, room) => sum + (room.inside ?? 0), 0);
  const point = points.data?.at(-1);
  const [event] = events.data ?? [];
  const none = (asked) => (asked.problem?.isMissingRoute ? "not deployed yet" : asked.problem ? "no answer" : "loading…");
  return (
    <dl class="summary">
      <Tile
        name={`Alerts in ${RECENT_MINUTES} min`}
        value={alerts && (recent === MOST_ALERTS ? `${MOST_ALERTS}+` : count(recent))}
        className={recent ? "hot" : ""}
      >
        {newest ? (
          <>
            {newest.make} {newest.model}, <Ago time={newest.created_at} />
          </>
        ) : alerts ? (
          "none so far"
        ) : line.problem ? (
          "no answer"
        ) : (
          "loading…"
        )}
      </Tile>
      <Tile
        name="Vehicles seen"
        value={stats.data && briefCount(totals.reduce((sum, [, number]) => sum + number, 0))}
      >
        {stats.data ? (most ? `most: ${most[0]}, ${briefCount(most[1])}` : "none so far") : none(stats)}
      </Tile>
      <Tile name="People inside" value={rooms.data && briefCount(inside)}>
        {rooms.data ? `in ${plural(rooms.data.length, "room", "rooms")}${rooms.more ? " and more" : ""}` : none(rooms)}
      </Tile>
      <Tile name="Instrument" value={points.data && (point ? measurement(point.value) : "–")}>
        {points.data ? point ? <>{point.valid ? "" : "invalid, "}<Ago time={point.time} /></> : "nothing measured yet" : none(points)}
      </Tile>
      <Tile name="Last event" value={events.data && (event ? event.event_type : "–")} className="wordy">
        {events.data ? event ? <Ago time={event.created_at} /> : "none so far" : none(events)}
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

function Alerts({ alerts, line }) {
  const asked = { data: alerts, problem: alerts ? null : line.problem };
  return (
    <Panel
      title="Alerts"
      className="alerts"
      id="alerts"
      aside={alerts && alerts.length > 0 && <span class="soft">{plural(alerts.length, "alert", "alerts")}, newest first</span>}
    >
      <Shown asked={asked} empty="No alerts yet: the simulator sends one every few seconds." rows={6}>
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
      </Shown>
    </Panel>
  );
}

function Events({ events }) {
  return (
    <Panel title="Events" id="events">
      <Shown asked={events} empty="No events yet: devices have not sent any.">
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
      </Shown>
    </Panel>
  );
}

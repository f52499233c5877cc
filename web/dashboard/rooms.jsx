import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Chart } from "./chart.jsx";
import { useAction, useLoaded } from "./hooks.js";
import { Field, Loaded, Outcome, Panel } from "./parts.jsx";
import { get, getPage, send } from "./session.js";
import { formatCount, formatTime } from "./words.js";

const ROOMS_PER_PAGE = 12;
const DAY_MINUTES = 24 * 60;

const pathOf = (sensor, what) => `api/sensors/${encodeURIComponent(sensor)}/${what}`;

/** The rooms and how many people are inside now: `{data: [{sensor, inside}], more}`. */
export function useRooms() {
  const [pages, setPages] = useState(1);
  const [hasMore, setHasMore] = useState(false);
  const state = useLoaded(async (signal) => {
    let page = await getPage("api/sensors", { query: { limit: ROOMS_PER_PAGE }, signal });
    const sensors = [...page.body.sensors];
    for (let read = 1; page.next && read < pages; read++) {
      page = await getPage(page.next, { signal });
      sensors.push(...page.body.sensors);
    }
    setHasMore(Boolean(page.next));
    const inside = (sensor) => get(pathOf(sensor, "occupancy"), { signal }).then((now) => now.inside);
    return Promise.all(sensors.map(async (sensor) => ({ sensor, inside: await inside(sensor).catch(() => null) })));
  }, 5);
  useEffect(() => {
    if (pages > 1) state.reload();
  }, [pages]);
  return { ...state, more: hasMore && (() => setPages(pages + 1)) };
}

export function Rooms({ rooms }) {
  const [chosen, setChosen] = useState(null);
  const room = chosen ?? rooms.data?.[0]?.sensor;
  return (
    <Panel title="Rooms" id="rooms">
      <Loaded state={rooms} empty="No rooms yet: post a first reading below, or let a door sensor send one.">
        {(list) => (
          <>
            <ul class="rooms" aria-label="Rooms">
              {list.map(({ sensor, inside }) => (
                <li key={sensor}>
                  <button type="button" class="room" aria-pressed={sensor === room} onClick={() => setChosen(sensor)}>
                    <span class="room-number" data-sensor={sensor}>
                      {inside === null ? "?" : formatCount(inside)}
                    </span>
                    <span class="room-name" title={sensor}>
                      {sensor}
                    </span>
                  </button>
                </li>
              ))}
            </ul>
            {rooms.more && (
              <button type="button" class="quiet wide" onClick={rooms.more}>
                More rooms
              </button>
            )}
            {room && <Day key={room} sensor={room} now={list.find((one) => one.sensor === room)?.inside ?? null} />}
          </>
        )}
      </Loaded>
      {!rooms.problem?.isMissingRoute && <ReadingForm rooms={rooms} onPosted={setChosen} />}
    </Panel>
  );
}

const twoDigits = (number) => String(number).padStart(2, "0");
const dayText = (date) => `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())}`;

/** One day of a room as a chart, and the number of people inside at a chosen time. `now` is the current number. */
function Day({ sensor, now }) {
  const [day, setDay] = useState(dayText(new Date()));
  const midnight = useMemo(() => new Date(`${day}T00:00`), [day]);
  const end = useMemo(() => new Date(midnight.getFullYear(), midnight.getMonth(), midnight.getDate() + 1), [midnight]);
  const isToday = day === dayText(new Date());
  const minuteNow = Math.floor((Date.now() - midnight) / 60_000);
  const latest = isToday ? Math.min(minuteNow, DAY_MINUTES) : DAY_MINUTES;
  const [minute, setMinute] = useState(null); // null: follow the current time
  const at = minute ?? latest;
  const instant = new Date(midnight.getTime() + at * 60_000);

  const history = useLoaded(
    async (signal) => {
      const to = new Date(Math.min(Date.now(), end)).toISOString();
      const query = { from: midnight.toISOString(), to, step: 300 };
      return (await get(pathOf(sensor, "history"), { query, signal })).points;
    },
    15,
    [sensor, day],
  );
  const isNow = isToday && minute === null;
  const then = useInstant(sensor, isNow ? null : instant.toISOString());
  const inside = isNow ? now : then;
  const data = useMemo(() => {
    const points = (history.data ?? []).map((one) => [new Date(one.ts) / 1000, one.inside]);
    if (points.length && isToday && now !== null) points.push([Math.max(Date.now() / 1000, points.at(-1)[0]), now]);
    return [points.map(([at]) => at), points.map(([, inside]) => inside)];
  }, [history.data, isToday, now]);
  const most = data[1].reduce((a, b) => Math.max(a, b), 0);
  const toMinute = (seconds) => setMinute(Math.min(Math.max(Math.round((seconds * 1000 - midnight) / 60_000), 0), latest));
  return (
    <div class="day">
      <div class="day-head">
        <h3 title={sensor}>{sensor}</h3>
        <label class="day-picker">
          <span class="unseen">Day</span>
          <input
            type="date"
            value={day}
            max={dayText(new Date())}
            onChange={(event) => {
              if (!event.currentTarget.value) return;
              setDay(event.currentTarget.value);
              setMinute(null);
            }}
          />
        </label>
      </div>
      <Loaded state={history} empty="No readings on this day." rows={4}>
        {() => (
          <Chart
            data={data}
            lines={[{ color: "accent", stepped: true }]}
            range={[midnight / 1000, midnight / 1000 + Math.max(latest, 1) * 60]}
            zero
            height={140}
            onPoint={toMinute}
            summary={`People inside ${sensor} on ${day}: at most ${formatCount(most)}.`}
          />
        )}
      </Loaded>
      <label class="slider">
        <span class="unseen">Time of day</span>
        <input
          type="range"
          min="0"
          max={latest}
          step="1"
          value={at}
          aria-valuetext={`${formatTime(instant)}, ${inside ?? "unknown"} inside`}
          onInput={(event) => setMinute(Number(event.currentTarget.value))}
        />
      </label>
      <p class="caption instant">
        <span>
          {isNow ? "Now" : "At "}
          {!isNow && <strong>{formatTime(instant)}</strong>}: <strong>{inside === null ? "…" : formatCount(inside)}</strong> inside
        </span>
        {minute !== null && (
          <button type="button" class="quiet" onClick={() => setMinute(null)}>
            {isToday ? "Back to now" : "End of the day"}
          </button>
        )}
      </p>
    </div>
  );
}

/** How many people were inside at `instant` (null: do not load). Loads once the slider rests. */
function useInstant(sensor, instant) {
  const [inside, setInside] = useState(null);
  const abort = useRef(null);
  useEffect(() => {
    abort.current?.abort();
    if (instant === null) return undefined;
    const own = new AbortController();
    abort.current = own;
    const load = async () => {
      const answer = await get(pathOf(sensor, "occupancy"), { query: { atInstant: instant }, signal: own.signal });
      if (!own.signal.aborted) setInside(answer.inside);
    };
    const timer = setTimeout(() => load().catch(() => !own.signal.aborted && setInside(null)), 120);
    return () => {
      clearTimeout(timer);
      own.abort();
    };
  }, [sensor, instant]);
  return inside;
}

function ReadingForm({ rooms, onPosted }) {
  const [busy, outcome, run] = useAction();
  const submit = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const { sensor, came, left } = Object.fromEntries(new FormData(form));
    run(async () => {
      const reading = { sensor: sensor.trim(), ts: new Date().toISOString(), in_count: Number(came), out: Number(left) };
      await send("POST", "api/webhook", reading);
      form.elements.came.value = form.elements.left.value = "0";
      await rooms.reload();
      onPosted(reading.sensor);
      return `Posted: ${reading.in_count} in, ${reading.out} out at ${reading.sensor}.`;
    });
  };
  return (
    <details class="fold">
      <summary>Post a reading</summary>
      <form class="inline" onSubmit={submit}>
        <Field label="Sensor" className="grow">
          <input name="sensor" list="sensors" maxLength={256} required autocomplete="off" placeholder="Front door" />
        </Field>
        <datalist id="sensors">
          {(rooms.data ?? []).map(({ sensor }) => (
            <option key={sensor} value={sensor} />
          ))}
        </datalist>
        <Field label="In">
          <input name="came" type="number" min="0" step="1" defaultValue="0" required class="small" />
        </Field>
        <Field label="Out">
          <input name="left" type="number" min="0" step="1" defaultValue="0" required class="small" />
        </Field>
        <button type="submit" class="primary" disabled={busy}>
          Post
        </button>
      </form>
      <Outcome outcome={outcome} />
    </details>
  );
}

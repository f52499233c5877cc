import { useMemo } from "preact/hooks";
import { Chart } from "./chart.jsx";
import { useLoaded } from "./hooks.js";
import { Choice, Loaded, Panel } from "./parts.jsx";
import { getAll } from "./session.js";
import { formatMeasurement, formatTime, plural } from "./words.js";

/** The data points of the last `hours`, oldest first. A day's points fill more than one page. */
export function useDataPoints(hours) {
  return useLoaded(
    async (signal) => {
      const start = new Date(Date.now() - hours * 3600_000).toISOString();
      return getAll("api/data", (body) => body, { query: { start }, signal });
    },
    15,
    [hours],
  );
}

export function Instrument({ points, hours, onHours, isAdmin }) {
  const options = [
    [1, "1 h"],
    [6, "6 h"],
    [24, "24 h"],
  ];
  return (
    <Panel title="Instrument" id="instrument" aside={<Choice label="Time shown" options={options} value={hours} onChoose={onHours} />}>
      <Loaded state={points} empty={`Nothing measured in the last ${hours === 1 ? "hour" : `${hours} hours`}: a point is fetched every minute.`}>
        {(list) => <PointsChart points={list} hours={hours} isAdmin={isAdmin} />}
      </Loaded>
    </Panel>
  );
}

function PointsChart({ points, hours, isAdmin }) {
  const [data, valid, invalid] = useMemo(() => {
    const good = points.filter((one) => one.valid);
    const bad = points.filter((one) => !one.valid);
    return [
      [
        points.map((one) => new Date(one.time) / 1000),
        points.map((one) => (one.valid ? one.value : null)),
        points.map((one) => (one.valid ? null : one.value)),
      ],
      good,
      bad,
    ];
  }, [points]);
  const range = useMemo(() => [Date.now() / 1000 - hours * 3600, Date.now() / 1000], [points, hours]);
  const values = valid.map((one) => one.value);
  const latest = valid.at(-1);
  const caption = latest
    ? `Last ${formatMeasurement(latest.value)} at ${formatTime(latest.time)}; from ${formatMeasurement(values.reduce((a, b) => Math.min(a, b)))} to ${formatMeasurement(values.reduce((a, b) => Math.max(a, b)))} in ${plural(valid.length, "valid point", "valid points")}.`
    : "No valid point.";
  const lines = [
    { color: "accent", points: valid.length === 1 },
    { color: "hot", points: true },
  ];
  return (
    <>
      <Chart data={data} lines={lines} range={range} summary={`Data points over time. ${caption}`} />
      <p class="caption">
        {caption}
        {isAdmin && invalid.length > 0 && (
          <>
            {" "}
            <span class="key-invalid" aria-hidden="true" /> {plural(invalid.length, "invalid point", "invalid points")}, last:{" "}
            {invalid.at(-1).tags.join(", ") || "untagged"}.
          </>
        )}
      </p>
    </>
  );
}

import { useState } from "preact/hooks";
import { Ago, Choice, Loaded, More, Panel, Scroll } from "./parts.jsx";
import { formatCount, plural } from "./words.js";

const SHOWN_BARS = 10;

/** The vehicles that cameras detected, newest first. */
export function Detections({ detections }) {
  return (
    <Panel title="Detections" id="detections">
      <Loaded state={detections} empty="No vehicles yet: the cameras have not reported any.">
        {(list) => (
          <Scroll label="Detections, newest first">
            <table class="table">
              <thead>
                <tr>
                  <th scope="col">Vehicle</th>
                  <th scope="col">Category</th>
                  <th scope="col">Source</th>
                  <th scope="col">Seen</th>
                </tr>
              </thead>
              <tbody>
                {list.map((one) => (
                  <tr key={one.id}>
                    <td>
                      {one.make} {one.model} <span class="soft">{one.year}</span>
                    </td>
                    <td class="soft">{one.category}</td>
                    <td class="soft">{one.source}</td>
                    <td>
                      <Ago time={one.created_at} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
            <More list={detections} what="detections" />
          </Scroll>
        )}
      </Loaded>
    </Panel>
  );
}

/** The number of vehicles by make, category or year, as bars. */
export function Vehicles({ stats, by, onBy }) {
  const [isExpanded, setExpanded] = useState(false);
  const options = [
    ["make", "Make"],
    ["category", "Category"],
    ["year", "Year"],
  ];
  return (
    <Panel title="Vehicles" id="vehicles" aside={<Choice label="Count by" options={options} value={by} onChoose={onBy} />}>
      <Loaded state={stats} empty="Nothing to count yet." rows={8}>
        {(totals) => {
          const sorted = Object.entries(totals).sort((one, other) =>
            by === "year" ? other[0] - one[0] : other[1] - one[1],
          );
          const most = Math.max(...sorted.map(([, number]) => number));
          const shown = isExpanded ? sorted : sorted.slice(0, SHOWN_BARS);
          return (
            <>
              <ul class="bars" aria-label={`Vehicles per ${by}`}>
                {shown.map(([name, number]) => (
                  <li key={name} class="bar">
                    <span class="bar-name" title={name}>
                      {name}
                    </span>
                    <span class="bar-track" aria-hidden="true">
                      <span class="bar-fill" style={{ width: `${Math.max((number / most) * 100, 0.5)}%` }} />
                    </span>
                    <span class="bar-number">{formatCount(number)}</span>
                  </li>
                ))}
              </ul>
              {sorted.length > SHOWN_BARS && (
                <button type="button" class="quiet wide" aria-expanded={isExpanded} onClick={() => setExpanded(!isExpanded)}>
                  {isExpanded ? `Show only the first ${SHOWN_BARS}` : `Show all ${plural(sorted.length, by, by === "category" ? "categories" : `${by}s`)}`}
                </button>
              )}
            </>
          );
        }}
      </Loaded>
    </Panel>
  );
}

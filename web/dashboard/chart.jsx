// A uPlot chart in the page's colors, as wide as its container.
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";

const dark = matchMedia("(prefers-color-scheme: dark)");
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function options(width, height, { lines, zero, range }) {
  const axis = {
    stroke: color("soft"),
    grid: { stroke: color("line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return {
    width,
    height,
    padding: [12, 16, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { time: true, range: range ? () => range : undefined },
      y: {
        range: (_, low, high) => {
          if (low === null || high === null) return [0, 1];
          const bottom = zero ? Math.min(0, low) : low;
          const top = zero ? Math.max(bottom + 4, high) : high;
          const space = (top - bottom || Math.abs(top) || 1) * 0.08;
          return [zero && bottom === 0 ? 0 : bottom - space, top + space];
        },
      },
    },
    axes: [
      { ...axis, size: 26, gap: 4, space: 64, values: (_, ticks) => ticks.map(tick) },
      { ...axis, size: 52, space: 28 },
    ],
    series: [
      {},
      ...lines.map(({ color: name, points, stepped }) => ({
        stroke: points ? undefined : color(name),
        fill: points ? undefined : `${color(name)}22`,
        width: points ? 0 : 2,
        paths: points ? () => null : stepped ? uPlot.paths.stepped({ align: 1 }) : undefined,
        points: points
          ? { show: true, size: 9, stroke: color(name), fill: color("panel"), width: 2 }
          : { show: false },
        spanGaps: true,
      })),
    ],
  };
}

const tick = (seconds) =>
  new Date(seconds * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** `data`: Unix seconds, then the values of each of `lines` (`{color, points, stepped}`). `summary` describes the chart. */
export function Chart({ data, lines, summary, height = 180, zero = false, range, onPoint }) {
  const container = useRef(null);
  const plot = useRef(null);
  const [theme, setTheme] = useState(dark.matches);
  const pointListener = useRef(onPoint);
  pointListener.current = onPoint;

  useEffect(() => {
    const change = () => setTheme(dark.matches);
    dark.addEventListener("change", change);
    return () => dark.removeEventListener("change", change);
  }, []);

  useEffect(() => {
    const chart = new uPlot(options(container.current.clientWidth, height, { lines, zero, range }), data, container.current);
    chart.over.addEventListener("click", () => {
      if (pointListener.current && chart.cursor.left >= 0) pointListener.current(chart.posToVal(chart.cursor.left, "x"));
    });
    plot.current = chart;
    const resize = new ResizeObserver(([entry]) => chart.setSize({ width: entry.contentRect.width, height }));
    resize.observe(container.current);
    return () => {
      resize.disconnect();
      chart.destroy();
    };
  }, [theme, height, JSON.stringify(lines), JSON.stringify(range)]);

  useEffect(() => plot.current?.setData(data), [data]);
  return <div class="chart" role="img" aria-label={summary} ref={container} />;
}

import { clock, duration } from '../incident/times.js';
import { type Html, html } from './html.js';
import type { Bar, Mark, Timeline } from './timeline.js';

/** The timeline as one inline picture: hosts as rows, steps as bars, gates as marks, failures red. Shapes differ as colours do. */

const WIDTH = 1000;
const LEFT = 90;
const RIGHT = 12;
const LANE = 20;
const GAP = 8;
const TOP = 24;
const GATES = 30;
/** Pixels a letter of a label takes. */
const LETTER = 5.6;

export function timelineSvg(timeline: Timeline): Html {
  const span = Math.max(1, timeline.to - timeline.from);
  const x = (at: number): number => round(LEFT + ((at - timeline.from) / span) * (WIDTH - LEFT - RIGHT));
  const drawn: Html[] = [];
  let top = TOP + GATES;
  for (const { host, lanes } of timeline.rows) {
    const height = lanes.length * LANE;
    drawn.push(
      html`<line class="rule" x1="0" x2="${WIDTH}" y1="${top - GAP / 2}" y2="${top - GAP / 2}"/><text x="4" y="${top + 14}">${short(host, LEFT - 8)}</text>`,
      ...lanes.flatMap((lane, at) => lane.map((bar) => barSvg(bar, x, top + at * LANE))),
    );
    top += height + GAP;
  }
  const height = top + 4;
  const ticks = ticksOf(timeline.from, timeline.to).map(
    (at) =>
      html`<line class="tick" x1="${x(at)}" x2="${x(at)}" y1="${TOP - 6}" y2="${height}"/><text class="time" x="${x(at)}" y="12" text-anchor="middle">${clock(at).slice(0, -1)}</text>`,
  );
  const marks = timeline.marks.map((mark) => markSvg(mark, x(mark.at), height));
  return html`<svg class="timeline" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Timeline over ${duration(span)}: hosts as rows, steps as bars, gates as marks">${ticks}<text x="4" y="${TOP + 18}">gates</text>${drawn}${marks}</svg>`;
}

function barSvg(bar: Bar, x: (at: number) => number, y: number): Html {
  const from = x(bar.from);
  // A step of a moment must still be seen.
  const width = Math.max(2, round(x(bar.to) - from));
  const label = width < 5 * LETTER ? '' : short(bar.label, width - 6);
  return html`<g class="bar ${bar.outcome}"><title>${bar.about}</title><rect x="${from}" y="${y}" width="${width}" height="${LANE - 3}" rx="2"/><text x="${from + 3}" y="${y + 12}">${label}</text></g>`;
}

function markSvg(mark: Mark, x: number, height: number): Html {
  const y = TOP + 14;
  const shape =
    mark.kind === 'turn'
      ? html`<line x1="${x}" x2="${x}" y1="${TOP}" y2="${height}"/>`
      : html`<line x1="${x}" x2="${x}" y1="${y}" y2="${height}"/><path d="M${x} ${y - 6}l6 6l-6 6l-6 -6z"/>`;
  return html`<g class="mark ${mark.kind}"><title>${mark.about}</title>${shape}</g>`;
}

/** Round times, about eight of them. */
export function ticksOf(from: number, to: number): number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400];
  const wanted = (to - from) / 8000;
  const step = (steps.find((one) => one >= wanted) ?? Math.ceil(wanted / 86_400) * 86_400) * 1000;
  const ticks: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return ticks;
}

const short = (text: string, width: number): string => {
  const most = Math.floor(width / LETTER);
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`;
};

const round = (number: number): number => Math.round(number * 10) / 10;

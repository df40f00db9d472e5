import { transcript } from '../data.js';
import type { K3sPorts, K3sState } from './ports.js';

const pad = (value: number, width: number): string => String(value).padStart(width, '0');

/** logrus' time: `2026-11-22T10:19:56Z`. */
export function shortTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

function fill(text: string, state: K3sState, now: number): string {
  const date = new Date(now);
  const clock = `${pad(date.getUTCHours(), 2)}:${pad(date.getUTCMinutes(), 2)}:${pad(date.getUTCSeconds(), 2)}`;
  const known: Record<string, string> = {
    T: shortTime(now),
    TS: `${date.toISOString().slice(0, 23)}000Z`,
    K: `${pad(date.getUTCMonth() + 1, 2)}${pad(date.getUTCDate(), 2)} ${clock}.${pad(date.getUTCMilliseconds(), 3)}000 ${String(state.pid).padStart(7)}`,
    NA: `${new Date(now + 365 * 86_400_000).toISOString().slice(0, 10)} ${clock} +0000 UTC`,
    NEXT: shortTime(Math.ceil((now + 1) / 43_200_000) * 43_200_000),
    ...state.vars,
  };
  return text.replace(/«([A-Z]+)»/g, (whole, name: string) => known[name] ?? whole);
}

/** Prints one line now. */
export function say(ports: K3sPorts, state: K3sState, text: string): void {
  ports.line(fill(text, state, ports.now()));
}

/** Prints a logrus line now. */
export function log(
  ports: K3sPorts,
  state: K3sState,
  level: 'info' | 'warning' | 'error' | 'fatal',
  message: string,
): void {
  const quoted = message.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
  say(ports, state, `time="«T»" level=${level} msg="${quoted}"`);
}

/**
 * Plays a phase of a recorded transcript with its recorded timing, its first line now or after `delay`.
 * Returns how long it takes in milliseconds.
 */
export function play(ports: K3sPorts, state: K3sState, script: string, delay = 0): number {
  const lines = transcript(script);
  const first = lines[0]?.ms ?? 0;
  for (let from = 0; from < lines.length; ) {
    let to = from + 1;
    const ms = lines[from]?.ms ?? 0;
    while (to < lines.length && lines[to]?.ms === ms) to += 1;
    if (ms - first + delay === 0) speakLines(ports, state, script, from, to);
    else ports.after(ms - first + delay, { kind: 'say', script, from, to });
    from = to;
  }
  return (lines.at(-1)?.ms ?? 0) - first + delay;
}

/** Prints lines of a transcript now. */
export function speakLines(ports: K3sPorts, state: K3sState, script: string, from: number, to: number): void {
  for (const line of transcript(script).slice(from, to)) say(ports, state, line.text);
}

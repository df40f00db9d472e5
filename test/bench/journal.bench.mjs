/**
 * How long a key press takes to show while journals stream in: the real screen on a terminal that only counts, five hosts with 1,000 recorded
 * lines a second each through the real parser, matcher and ring; against the same keys while nothing streams. Needs a built program (`dist`).
 */
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { gunzipSync } from 'node:zlib';

process.env.NODE_ENV ??= 'production';

const HOSTS = ['cp1', 'cp2', 'cp3', 'w1', 'w2'];
const LINES_A_SECOND = 1_000;
const BATCH_MS = 150;
const PRESSES = 60;

/** Prints the median and the slowest answer to a key, quiet and streaming. */
export async function benchJournal({ print = (line) => process.stdout.write(`${line}\n`) } = {}) {
  const { createElement } = await import('react');
  const { render } = await import('ink');
  const { App } = await import('../../dist/components/App.js');
  const { createConsoleStore, addJournal } = await import('../../dist/src/store/store.js');
  const { entriesFor, matchSymptoms } = await import('../../dist/src/cli/symptoms.js');
  const { parseJournalLine } = await import('../../dist/src/journal/parse.js');
  const recorded = gunzipSync(readFileSync(new URL('../fixtures/real-k3s/healthy-lines.gz', import.meta.url)))
    .toString()
    .split('\n')
    .filter((line) => line !== '');
  const cluster = {
    name: 'bench',
    drill: true,
    hosts: HOSTS.map((name) => ({ name, role: 'server', address: name, nodeName: name, dataDir: '', service: 'k3s' })),
    contacts: [],
  };
  const store = createConsoleStore(cluster, 'DRILL', Date.now());
  store.setState({ entries: entriesFor(cluster) });
  const screen = terminal();
  const app = render(createElement(App, { store, intents: {} }), {
    stdout: screen.stdout,
    stdin: screen.stdin,
    patchConsole: false,
    exitOnCtrlC: false,
    incrementalRendering: true,
    maxFps: 60,
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  let id = 0;
  const feed = () => {
    const count = Math.round((LINES_A_SECOND * BATCH_MS) / 1000);
    const lines = HOSTS.flatMap((host) =>
      Array.from({ length: count }, () => {
        const text = recorded[id % recorded.length];
        const entry = JSON.stringify({
          __CURSOR: `s=${id}`,
          __REALTIME_TIMESTAMP: `${Date.now() * 1000}`,
          _SYSTEMD_UNIT: 'k3s.service',
          PRIORITY: '6',
          MESSAGE: text,
        });
        const { message, cursor: _cursor, ...line } = parseJournalLine(entry);
        return { ...line, id: id++, host, symptoms: matchSymptoms(message) };
      }),
    );
    addJournal(store, lines);
  };
  // Full to the brim first, and the journal in front.
  for (let round = 0; round < 20; round++) feed();
  await screen.press('5');
  await answers(screen);
  const quiet = await answers(screen);
  const before = id;
  const began = performance.now();
  const timer = setInterval(feed, BATCH_MS);
  const busy = await answers(screen);
  clearInterval(timer);
  const rate = Math.round(((id - before) / (performance.now() - began)) * 1000);
  app.unmount();
  print(
    `journal, ${HOSTS.length} hosts, ${rate.toLocaleString('en')} lines/s: a key shows after ${middle(busy)} ms (slowest ${slowest(busy)}) / while nothing streams ${middle(quiet)} ms (slowest ${slowest(quiet)})`,
  );
}

/** Milliseconds from a key to the screen that shows it: zooming in and out, which redraws everything. */
async function answers(screen) {
  const times = [];
  for (let press = 0; press < PRESSES; press++) {
    await new Promise((resolve) => setTimeout(resolve, 37));
    times.push(await screen.press('?'));
  }
  return times.sort((a, b) => a - b);
}

const middle = (times) => times[Math.floor(times.length / 2)].toFixed(0);
const slowest = (times) => times.at(-1).toFixed(0);

/** A terminal of 160 columns and 45 rows that keeps what was written last. */
function terminal() {
  const stdout = Object.assign(new EventEmitter(), { columns: 160, rows: 45, isTTY: true });
  const waiting = new Set();
  stdout.write = (text) => {
    for (const one of waiting) one(text);
    return true;
  };
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: () => stdin,
    ref: () => {},
    unref: () => {},
  });
  let helpOpen = false;
  const until = (shows) =>
    new Promise((resolve) => {
      const look = (text) => {
        if (!shows(text)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
    });
  return {
    stdout,
    stdin,
    press: async (key) => {
      const began = performance.now();
      if (key === '?') helpOpen = !helpOpen;
      const sign = key !== '?' ? '' : helpOpen ? 'Keys that work now' : 'Journal ·';
      const shown = until((text) => text.includes(sign));
      stdin.write(key);
      await shown;
      return performance.now() - began;
    },
  };
}

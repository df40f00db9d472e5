/**
 * How many journal lines are matched with all symptoms each second, against trying every pattern on every line, in the same run. The lines are
 * recorded ones: healthy, with the failing ones among them. Needs a built program (`dist`).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const FIXTURES = new URL('../fixtures/real-k3s/', import.meta.url);
const LINES = 200_000;

/** Prints lines per second of both, and the ratio. */
export async function benchLookup({ rounds = 3, print = (line) => process.stdout.write(`${line}\n`) } = {}) {
  const { symptoms } = await import('../../dist/scenarios/symptoms/index.js');
  const { makeMatcher } = await import('../../dist/src/lookup/match.js');
  const healthy = split(gunzipSync(readFileSync(new URL('healthy-lines.gz', FIXTURES))).toString());
  const folder = new URL('symptom-lines/', FIXTURES);
  const failing = readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .flatMap((name) => split(readFileSync(new URL(name, folder), 'utf8')));
  const patterns = symptoms.flatMap((one) => one.patterns.map((source) => new RegExp(source)));
  const all = (lines, look) => {
    for (const line of lines) look(line);
  };
  const naive = (line) => patterns.filter((pattern) => pattern.test(line));
  for (const [what, recorded] of [
    ['healthy lines', healthy],
    ['failing lines', failing],
  ]) {
    const lines = Array.from({ length: LINES }, (_, index) => recorded[index % recorded.length]);
    const match = makeMatcher(symptoms);
    const ours = best(rounds, () => all(lines, match));
    const theirs = best(rounds, () => all(lines, naive));
    const mean = Math.round(lines.reduce((sum, line) => sum + line.length, 0) / LINES);
    print(
      `lookup, ${what} (${mean} characters, ${patterns.length} patterns): ${rate(ours)} lines/s / every pattern ${rate(theirs)} lines/s = ${(theirs / ours).toFixed(1)}`,
    );
  }
}

const split = (text) => text.split('\n').filter((line) => line !== '');
const rate = (seconds) => Math.round(LINES / seconds).toLocaleString('en');

/** Seconds of the fastest round; one before it warms up. */
function best(rounds, work) {
  work();
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    work();
    times.push((performance.now() - began) / 1000);
  }
  return Math.min(...times);
}

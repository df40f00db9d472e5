import { EXIT, ProblemError } from '../../base/problem.js';
import type { JournalLine } from '../../incident/journal.js';
import { readSpool, spoolBeside } from '../../journal/spool.js';
import { rowsAfter } from '../../record/runs.js';
import { err } from '../output.js';
import { type RecordedRun, recordedRun } from '../recorded.js';
import { Replay, replayIntents } from '../replay.js';
import { clockOffsets } from '../report-file.js';

const TICK_MS = 100;
/** A run that goes on is read again so often. */
const READ_MS = 1_000;
/** Lines of journals kept in memory; the latest count. */
const MOST_LINES = 300_000;

/** Shows a record in the console, as it happened. Read-only; a run that goes on is followed. */
export async function replayCommand(id: string | undefined, options: { readonly speed: number }): Promise<number> {
  if (!Number.isFinite(options.speed) || options.speed <= 0)
    throw new ProblemError(
      { id: 'usage', what: '--speed takes a number above 0.', next: 'Example: --speed 10' },
      EXIT.usage,
    );
  const run = recordedRun(id);
  if (!(process.stdin.isTTY && process.stdout.isTTY)) {
    err('A replay needs a terminal. Without one: blackstart report, journal.');
    return EXIT.usage;
  }
  let code: number = EXIT.ok;
  let leave = (): void => {};
  const left = new Promise<void>((resolve) => {
    leave = resolve;
  });
  for (const [signal, exit] of [
    ['SIGINT', EXIT.interrupted],
    ['SIGTERM', EXIT.terminated],
    ['SIGHUP', EXIT.terminated],
  ] as const)
    process.on(signal, () => {
      code = exit;
      leave();
    });
  const replay = new Replay(run.events, run.state, options.speed);
  if (run.chain.ok) replay.store.setState({ chain: { events: run.events.length, head: run.head } });
  else replay.store.setState({ warning: `the record does not hold from entry ${run.chain.seq} on: ${run.chain.why}` });
  replay.journals(await journalsOf(run));
  const stop = play(replay, run);
  try {
    const { showApp } = await import('../app-screen.js');
    await showApp(replay.store, replayIntents(replay, leave), left);
  } finally {
    stop();
  }
  return code;
}

/** Time passes, and what another console adds meanwhile is read. */
function play(replay: Replay, run: RecordedRun): () => void {
  let last = performance.now();
  const tick = setInterval(() => {
    const now = performance.now();
    replay.pass(now - last);
    last = now;
  }, TICK_MS);
  let reading = false;
  const read = setInterval(async () => {
    if (replay.ended || reading) return;
    const fresh = rowsAfter(run.path, replay.last);
    if (fresh.length === 0) return;
    reading = true;
    replay.add(fresh);
    replay.journals(await journalsOf(run));
    reading = false;
  }, READ_MS);
  return () => {
    clearInterval(tick);
    clearInterval(read);
  };
}

/** Lines by our clock, so that they stand beside the events. */
async function journalsOf(run: RecordedRun): Promise<JournalLine[]> {
  const offsets = clockOffsets(run.state);
  let lines: JournalLine[] = [];
  for await (const line of readSpool(spoolBeside(run.path))) {
    lines.push({ ...line, at: line.at - (offsets[line.host] ?? 0) });
    if (lines.length > MOST_LINES * 1.2) lines = lines.slice(-MOST_LINES);
  }
  return lines;
}

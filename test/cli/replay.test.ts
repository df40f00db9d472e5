import { afterAll, beforeAll, expect, test } from 'vitest';
import { Replay, replayIntents, SPEEDS } from '../../src/cli/replay.js';
import type { AnyEvent, IncidentEvent } from '../../src/incident/event.js';
import { foldAll } from '../../src/incident/fold.js';
import type { IncidentState } from '../../src/incident/state.js';
import { provenSnapshot } from '../support/practice-ports.js';
import { Rig } from '../support/rig.js';

/** A whole run of the practice cluster with a failure in it, shown again. */

let rig: Rig;
let events: readonly AnyEvent[];
let state: IncidentState;
beforeAll(async () => {
  await provenSnapshot();
  rig = await Rig.start({ faults: ['reset-fails-once'] });
  await rig.choose();
  rig.runner.begin();
  await rig.play();
  rig.runner.answer('reset', 'node-1', 'retry');
  await rig.play();
  expect(rig.runner.state.ended?.outcome).toBe('recovered');
  events = [...rig.record.events];
  state = rig.runner.state;
}, 120_000);
afterAll(async () => rig.close());

const opened = (): Replay => new Replay(events, state, 1);
const at = (replay: Replay): number => replay.store.getState().replay?.at ?? 0;

test('whatever is sought, the screen is what the events up to there say', () => {
  const replay = opened();
  const seek = (to: 'event' | 'step' | 'failure', by: 1 | -1): string | undefined =>
    replay.control({ do: 'seek', to, by });
  for (const wind of [
    () => seek('failure', 1),
    () => seek('step', -1),
    () => seek('event', 1),
    () => replay.control({ do: 'end' }),
    () => seek('step', -1),
    () => seek('failure', -1),
    () => replay.control({ do: 'start' }),
  ]) {
    wind();
    const { incident, now, mode } = replay.store.getState();
    expect(incident).toEqual(foldAll(events.slice(0, at(replay))));
    expect(now).toBe(Date.parse(events[at(replay) - 1]?.at ?? ''));
    expect(mode).toBe('REPLAY');
  }
  expect(seek('event', -1)).toBe('There is no event before this one.');
  seek('failure', 1);
  expect(replay.store.getState().attention).toMatchObject({ kind: 'trouble', step: 'reset', why: 'failed' });
  expect(replay.store.getState().replay?.event).toBe('step-ended reset node-1 failed');
  expect(seek('failure', 1)).toBe('There is no failure after this one.');
});

test('a gate is shown with the facts that were shown then, until it was answered', () => {
  const replay = opened();
  const shown = events.findIndex(
    (event) => event.type === 'gate-shown' && (event as { gate?: string }).gate === 'reset',
  );
  for (let position = 1; position <= shown; position++) replay.control({ do: 'seek', to: 'event', by: 1 });
  const { attention } = replay.store.getState();
  const gate = attention.kind === 'gate' ? attention.open : undefined;
  const event = events[shown] as Extract<IncidentEvent, { type: 'gate-shown' }>;
  expect(gate).toMatchObject({ id: 'reset', typed: event.typed });
  expect(gate?.facts.map((one) => `${one.ok ? 'ok' : 'NOT OK'} ${one.title} (${one.host}): ${one.text}`)).toEqual(
    event.facts,
  );
  replay.control({ do: 'seek', to: 'event', by: 1 });
  expect(replay.store.getState().attention).toEqual({ kind: 'none' });
});

test('plays by itself to the end, waits long for nothing, and begins anew', () => {
  const replay = opened();
  let ms = 0;
  while (replay.store.getState().replay?.playing === true && ms < 10_000_000) {
    const before = at(replay);
    replay.pass(100);
    ms += 100;
    expect(at(replay)).toBeGreaterThanOrEqual(before);
  }
  expect(at(replay)).toBe(events.length);
  expect(replay.store.getState().incident?.ended?.outcome).toBe('recovered');
  // At most three seconds pass before each event.
  expect(ms).toBeLessThanOrEqual(events.length * 3_100 + 200);
  replay.control({ do: 'play' });
  expect([at(replay), replay.store.getState().replay?.playing]).toEqual([1, true]);
  for (const _ of SPEEDS) replay.control({ do: 'faster' });
  expect(replay.store.getState().replay?.speed).toBe(SPEEDS.at(-1));
  for (const _ of SPEEDS) replay.control({ do: 'slower' });
  expect(replay.store.getState().replay?.speed).toBe(SPEEDS[0]);
});

test('journals run beside it, forward and back', () => {
  const replay = opened();
  const from = Date.parse(events[0]?.at ?? '');
  const to = Date.parse(events.at(-1)?.at ?? '');
  replay.journals(
    [to, from, (from + to) / 2].map((when, id) => ({
      id,
      at: when,
      host: 'node-1',
      unit: 'k3s',
      severity: 'info',
      text: `line ${id}`,
      symptoms: [],
    })),
  );
  const texts = (): string[] => replay.store.getState().journal.map((line) => line.text);
  expect(texts()).toEqual(['line 1']);
  replay.control({ do: 'end' });
  expect(texts()).toEqual(['line 1', 'line 2', 'line 0']);
  replay.control({ do: 'start' });
  expect(texts()).toEqual(['line 1']);
});

test('a run that goes on is followed: what is added is played when its turn comes', () => {
  const half = Math.floor(events.length / 2);
  const replay = new Replay(events.slice(0, half), state, 1);
  replay.control({ do: 'end' });
  for (let round = 0; round < 5; round++) replay.pass(100);
  expect(replay.store.getState().replay).toMatchObject({ at: half, of: half, playing: true });
  replay.add(events.slice(half));
  expect(replay.store.getState().replay).toMatchObject({ at: half, of: events.length });
  for (let round = 0; round < 40 && at(replay) === half; round++) replay.pass(100);
  expect(at(replay)).toBeGreaterThan(half);
});

test('nothing can be done in it: every intent is refused, whatever it is given', async () => {
  let left = false;
  const replay = opened();
  const intents = replayIntents(replay, () => {
    left = true;
  });
  const before = replay.store.getState();
  const looking = new Set(['leave', 'lookup', 'replay', 'giveSecret']);
  for (const [name, act] of Object.entries(intents)) {
    if (looking.has(name)) continue;
    const said = await (act as (...words: string[]) => unknown)('a', 'b', 'c');
    expect(said, name).toMatch(/^(This is a replay: nothing can be done here\.|refused)$/);
  }
  expect(replay.store.getState()).toBe(before);
  intents.leave();
  expect(left).toBe(true);
});

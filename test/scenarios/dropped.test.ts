import { expect, test } from 'vitest';
import { differences, endState } from '../support/end-state.js';
import type { Cut } from '../support/practice-host.js';
import { Rig, RUN } from '../support/rig.js';

/**
 * The connection is lost once, at each command of a full restore in turn: before it is sent, while it runs, or before its answer is here.
 * The run ends where an undisturbed one ends, and what must not run twice does not. A sample by default; with
 * BLACKSTART_ALL_KILL_POINTS=1 every command.
 */
const ALL = process.env.BLACKSTART_ALL_KILL_POINTS === '1';
const SAMPLE = 8;
const HOW: readonly Cut[] = ['before', 'during', 'after'];

interface Played {
  readonly commands: number;
  readonly state: Record<string, string>;
  readonly outcome: string;
  /** How often a unit of ours really began, by host and step. */
  readonly begun: string[];
}

async function play(at?: number, how?: Cut): Promise<Played> {
  let commands = 0;
  const rig = await Rig.start({
    cut: () => {
      commands += 1;
      return commands === at ? how : undefined;
    },
  });
  try {
    await rig.choose();
    rig.runner.begin();
    for (let tries = 0; tries < 5; tries++) {
      await rig.play();
      const { attention } = rig.runner;
      // A gate whose question got no answer is closed: it is opened again.
      if (attention.kind === 'gate') rig.runner.cancelGate();
      if (attention.kind === 'none') break;
      if (attention.kind === 'gate') continue;
      rig.runner.answer(attention.step, attention.host, attention.why === 'doubt' ? 'look-again' : 'retry');
    }
    const outcome = rig.runner.state.ended?.outcome ?? JSON.stringify(rig.runner.attention).slice(0, 300);
    await rig.rest(120_000);
    const begun: string[] = [];
    for (const node of ['node-1', 'node-2', 'node-3']) {
      const said = await rig.run(node, `find /var/lib/blackstart/${RUN} -name started`);
      begun.push(
        ...said.stdout
          .split('\n')
          .filter((line) => line !== '')
          .map((path) => `${node}:${path}`),
      );
    }
    const state = outcome === 'recovered' ? await endState(rig) : {};
    return { commands, state, outcome, begun: begun.sort() };
  } finally {
    await rig.close();
  }
}

test(
  'a connection lost at any command: nothing runs twice that must not, and the end is the same',
  async () => {
    const whole = await play();
    expect(whole.outcome).toBe('recovered');
    expect(whole.commands).toBeGreaterThan(100);
    const all = Array.from({ length: whole.commands }, (_, index) => index + 1);
    const failures: string[] = [];
    let tried = 0;
    for (const [shift, how] of HOW.entries()) {
      // Each way of losing it has a sample of its own.
      const step = whole.commands / SAMPLE;
      const cuts = ALL
        ? all
        : Array.from({ length: SAMPLE }, (_, index) => Math.ceil(index * step + (shift + 1) * (step / 3)));
      for (const at of cuts) {
        const found = await play(at, how);
        tried += 1;
        const wrong =
          found.outcome === 'recovered' ? differences(whole.state, found.state) : [`ended as ${found.outcome}`];
        if (found.begun.join() !== whole.begun.join()) wrong.push(`began ${found.begun.join(' ')}`);
        for (const one of wrong.slice(0, 4)) failures.push(`lost ${how} command ${at}: ${one}`);
      }
    }
    process.stdout.write(
      `lost connections: ${tried} of ${whole.commands * HOW.length} tried, ${failures.length} differences\n`,
    );
    expect(failures).toEqual([]);
  },
  ALL ? 3_000_000 : 240_000,
);

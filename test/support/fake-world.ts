import type { VirtualClock } from '../../src/base/clock.js';
import type { Cluster } from '../../src/incident/cluster.js';
import { act, look, once } from '../../src/incident/command.js';
import type { AnyEvent, IncidentEvent, Payload } from '../../src/incident/event.js';
import { foldAll } from '../../src/incident/fold.js';
import type { Json, JsonObject } from '../../src/incident/json.js';
import type { IncidentState } from '../../src/incident/state.js';
import type { Question, Scenario, Step } from '../../src/incident/step.js';
import { CHAIN_START, linkHash } from '../../src/record/chain.js';
import type { HostAnswer, Ports } from '../../src/runner/ports.js';

/** A world of flags: `set NAME` sets one on a host, `ask NAME` says whether it is set. Enough to see what the runner does. */
export class FakeWorld {
  readonly flags = new Set<string>();
  readonly sent: string[] = [];
  /** Called before each command; may cut the connection, break it, or throw the process away. */
  before: (host: string, argv: readonly string[]) => 'run' | 'lose-before' | 'lose-after' | 'unreachable' | 'break' =
    () => 'run';

  /** What a task on this machine comes to. */
  task: (name: string, input: JsonObject) => { ok: boolean; result: Json; text: string } = () => ({
    ok: true,
    result: null,
    text: '{}',
  });

  fork(): FakeWorld {
    const copy = new FakeWorld();
    for (const flag of this.flags) copy.flags.add(flag);
    copy.sent.push(...this.sent);
    return copy;
  }

  exec(host: string, argv: readonly string[]): Partial<HostAnswer> {
    const verdict = this.before(host, argv);
    if (verdict === 'unreachable') return { silent: 'no route to host', notSent: true };
    if (verdict === 'lose-before') return { silent: 'connection lost', doubt: true };
    if (verdict === 'break') return { code: 1, stderr: 'it broke' };
    const [verb, name] = argv;
    const flag = `${host}/${name}`;
    if (verb === 'set') {
      this.sent.push(flag);
      this.flags.add(flag);
    }
    if (verb === 'clear') this.flags.delete(flag);
    if (verdict === 'lose-after') return { silent: 'connection lost', doubt: true };
    if (verb === 'ask') return { code: 0, stdout: this.flags.has(flag) ? 'yes' : 'no' };
    return { code: 0, stdout: 'fine' };
  }
}

export class MemoryRecord {
  readonly events: AnyEvent[] = [];
  readonly #rows: { seq: number; hash: string; body: string }[] = [];

  constructor(
    private readonly clock: VirtualClock,
    /** Called after each event is kept: a test cuts the run here. */
    private readonly kept: (event: IncidentEvent) => void = () => {},
  ) {}

  /** The chain as a record on disk would have it. */
  rowsAfter(seq: number): { seq: number; hash: string; body: string }[] {
    for (const event of this.events.slice(this.#rows.length)) {
      const body = JSON.stringify(event);
      const hash = linkHash(this.#rows.at(-1)?.hash ?? CHAIN_START, event.seq, body);
      this.#rows.push({ seq: event.seq, hash, body });
    }
    return this.#rows.filter((row) => row.seq > seq);
  }

  append(payload: Payload): IncidentEvent {
    const event = {
      seq: this.events.length + 1,
      at: new Date(this.clock.now()).toISOString(),
      mono: this.clock.mono(),
      ...payload,
    } as IncidentEvent;
    this.events.push(event);
    this.kept(event);
    return event;
  }
}

export function fakePorts(world: FakeWorld, clock: VirtualClock, record: MemoryRecord): Ports {
  const answer = (argv: readonly string[], said: Partial<HostAnswer>): HostAnswer => ({
    argv,
    code: null,
    stdout: '',
    stderr: '',
    ms: 5,
    doubt: false,
    notSent: false,
    ...said,
  });
  return {
    clock,
    record,
    redact: (text) => text.replaceAll('hunter2-secret', '•••'),
    hosts: {
      exec: async (host, command) => {
        await clock.sleep(5);
        return answer(command.argv, world.exec(host, command.argv));
      },
      put: async (host, command) => answer(['put', command.path], world.exec(host, ['set', command.path])),
    },
    tasks: { run: async (task) => world.task(task.task, task.input) },
  };
}

export const threeHosts: Cluster = {
  name: 'fake',
  drill: true,
  contacts: [],
  hosts: ['a', 'b', 'c'].map((name) => ({
    name,
    role: 'server',
    address: `10.0.0.${name}`,
    nodeName: name,
    dataDir: '/dd',
    service: 'k3s',
  })),
};

export const isSet = (flag: string): Question => ({
  ask: () => [look(['ask', flag])],
  judge: ([said]) => {
    if (said?.silent !== undefined) return { answer: 'unknown', evidence: [said.silent] };
    return said?.stdout === 'yes'
      ? { answer: 'yes', evidence: [`${flag} is set`], learned: { [flag]: true } }
      : { answer: 'no', evidence: [`${flag} is not set`] };
  },
});

export function fakeStep(id: string, more: Partial<Step> = {}): Step {
  return {
    id,
    title: `Set ${id}`,
    runbook: 'nowhere',
    effect: 'change',
    why: 'to see',
    gate: 'go',
    done: isSet(id),
    run: () => [act(['set', id])],
    pollMs: 100,
    expectMs: 100,
    withinMs: 60_000,
    undo: {
      title: `Clear ${id}`,
      effect: 'change',
      run: () => [act(['clear', id])],
      done: {
        ask: () => [look(['ask', id])],
        judge: ([said]) =>
          said?.stdout === 'no' ? { answer: 'yes', evidence: ['cleared'] } : { answer: 'no', evidence: ['still set'] },
      },
    },
    lookup: [],
    ...more,
  };
}

export const onceStep = (id: string, more: Partial<Step> = {}): Step =>
  fakeStep(id, { run: () => [once(['set', id])], ...more });

export function fakeScenario(
  steps: readonly Step[],
  hosts: readonly string[] = ['a', 'b', 'c'],
  order: 'together' | 'one-by-one' = 'together',
): Scenario {
  const gates = [...new Set(steps.flatMap((step) => step.gate ?? []))];
  return {
    id: 'fake',
    title: 'Fake',
    when: 'never',
    pointOfNoReturn: steps.at(-1)?.id ?? '',
    missing: () => [],
    backup: 'unused',
    asks: [],
    gates: gates.map((id) => ({
      id,
      title: id,
      typed: () => (id === 'destroy' ? 'fake' : undefined),
      does: () => 'sets flags',
      loses: () => 'nothing',
      keeps: () => 'all',
      undo: 'complete',
    })),
    phases: [{ id: 'only', title: 'Only', hosts: () => hosts, order: () => order, steps }],
  };
}

export const opening: Extract<Payload, { type: 'run-opened' }> = {
  type: 'run-opened',
  runId: 'r1',
  cluster: threeHosts,
  operator: 'tester',
  machine: 'here',
  version: '0',
  mode: 'drill',
};

/** What a whole record says. */
export function stateAfter(events: readonly AnyEvent[]): IncidentState {
  const state = foldAll(events);
  if (state === undefined) throw new Error('it does not begin with an opened run');
  return state;
}

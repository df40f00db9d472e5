import type { AnyEvent, IncidentEvent } from './event.js';
import { type Cell, type CommandLine, cellKey, type IncidentState, type SentCommand } from './state.js';
import { type Choices, HERE } from './step.js';

/** The pure heart: state is what the events say, and nothing else. */

const KEPT_COMMANDS = 400;

export function emptyCell(step: string, host: string): Cell {
  return {
    step,
    host,
    attempt: 0,
    status: 'waiting',
    sent: [],
    clear: false,
    evidence: [],
    learned: {},
    late: false,
    gated: false,
  };
}

/** The state after all events, from the beginning or from a state before them; undefined before a run was opened. */
export function foldAll(events: Iterable<AnyEvent>, before?: IncidentState): IncidentState | undefined {
  let state = before;
  for (const event of events) state = fold(state, event);
  return state;
}

export function fold(state: IncidentState | undefined, event: AnyEvent): IncidentState | undefined {
  if (state === undefined) return event.type === 'run-opened' ? opened(event as Typed<'run-opened'>) : undefined;
  const at = Date.parse(event.at);
  const next = apply(state, event as IncidentEvent, at);
  return { ...next, lastSeq: event.seq, lastAt: at };
}

type Typed<Type extends IncidentEvent['type']> = Extract<IncidentEvent, { type: Type }>;

function opened(event: Typed<'run-opened'>): IncidentState {
  const at = Date.parse(event.at);
  return {
    runId: event.runId,
    cluster: event.cluster,
    mode: event.mode,
    operator: event.operator,
    machine: event.machine,
    version: event.version,
    openedAt: at,
    lastAt: at,
    lastSeq: event.seq,
    choices: { fenced: [], left: [] },
    attested: {},
    facts: {},
    ticks: {},
    begun: false,
    paused: false,
    cells: {},
    gates: {},
    gatesVoidBefore: 0,
    commands: [],
    resumes: 0,
    approvals: [],
    notes: [],
    unknown: 0,
  };
}

function apply(state: IncidentState, event: IncidentEvent, at: number): IncidentState {
  switch (event.type) {
    case 'run-opened':
      return state;
    case 'run-resumed':
      return {
        ...state,
        operator: event.operator,
        machine: event.machine,
        resumes: state.resumes + 1,
        gatesVoidBefore: event.seq,
        paused: false,
        cells: mapCells(
          event.tookOver === true ? announcedCounts(state.cells) : withoutAnnounced(state.cells),
          afterResume,
        ),
      };
    case 'scenario-chosen':
      // A gate of the scenario before was confirmed for other commands.
      return { ...state, scenario: event.scenario, gatesVoidBefore: event.seq };
    case 'chosen':
      return { ...state, choices: choose(state.choices, event) };
    case 'attested':
      return attest(state, event, at);
    case 'host-came-back':
      return comeBack(state, event.host);
    case 'host-seen':
      return { ...state, facts: { ...state.facts, [event.host]: event.facts } };
    case 'ticked':
      return { ...state, ticks: { ...state.ticks, [event.item]: { how: event.how, evidence: event.evidence, at } } };
    case 'plan-begun':
      return { ...state, begun: true, begunAt: at };
    case 'paused':
      return { ...state, paused: event.on };
    case 'gate-shown':
      return {
        ...state,
        gates: { ...state.gates, [event.gate]: { shownSeq: event.seq, hosts: [], facts: event.facts } },
      };
    case 'gate-answered':
      return answerGate(state, event, at);
    case 'undo-begun':
      return { ...state, undoing: { reason: event.reason, at }, gatesVoidBefore: event.seq, paused: false };
    case 'lock-taken':
      return { ...state, lock: { on: event.on, without: event.without } };
    case 'lock-lost': {
      const { lock: _lock, ...rest } = state;
      return rest;
    }
    case 'papers-kept':
      // Papers stand where the lock does: a server that was left out of both answers again.
      return {
        ...state,
        papers: { on: event.on, without: event.without },
        ...(state.lock === undefined ? {} : { lock: { on: event.on, without: event.without } }),
      };
    case 'approved': {
      const { gate, by, without } = event;
      return { ...state, approvals: [...state.approvals, { gate, by, without, at }] };
    }
    case 'note':
      return { ...state, notes: [...state.notes, { at, text: event.text }] };
    case 'verified':
      return { ...state, verification: { at, rows: event.rows } };
    case 'run-ended':
      return { ...state, ended: { outcome: event.outcome, summary: event.summary, at } };
    case 'step-begun':
    case 'commands-fixed':
    case 'asked':
    case 'announced':
    case 'sent':
    case 'returned':
    case 'step-ended':
    case 'deadline':
    case 'answered':
    case 'step-skipped':
      return inCell(state, event, at);
    default:
      return { ...state, unknown: state.unknown + 1 };
  }
}

function choose(choices: Choices, { key, value, suggested }: Typed<'chosen'>): Choices {
  const others = (choices.suggested ?? []).filter((one) => one !== key);
  return { ...choices, [key]: value, suggested: suggested === true ? [...others, key] : others };
}

/** What a task on this machine held died with its process, also where it had ended: it is run again. */
function afterResume(cell: Cell): Cell {
  const here = cell.host === HERE || cell.sent.some((one) => one.command.kind === 'task');
  const open = here && (cell.status === 'begun' || cell.status === 'running');
  return open ? { ...cell, status: 'begun', sent: [], clear: false } : cell;
}

type Cells = Readonly<Record<string, Cell>>;

/** A record of our own says what was sent: an announcement without that was not. */
function withoutAnnounced(cells: Cells): Cells {
  return mapCells(cells, ({ announced: _announced, ...cell }) => cell);
}

/** A journal may have been cut off behind the announcement: whether it was sent is in doubt. */
function announcedCounts(cells: Cells): Cells {
  return mapCells(cells, ({ announced, ...cell }) => {
    if (announced === undefined) return cell;
    return {
      ...cell,
      status: 'running',
      sent: [...cell.sent.filter((one) => one.index !== announced.index), announced],
    };
  });
}

const mapCells = (cells: Cells, change: (cell: Cell) => Cell): Cells =>
  Object.fromEntries(Object.entries(cells).map(([key, cell]) => [key, change(cell)]));

function attest(state: IncidentState, event: Typed<'attested'>, at: number): IncidentState {
  const role = state.cluster.hosts.find((host) => host.name === event.host)?.role;
  const key = role === 'agent' ? 'left' : 'fenced';
  const names = state.choices[key].includes(event.host) ? state.choices[key] : [...state.choices[key], event.host];
  return {
    ...state,
    attested: { ...state.attested, [event.host]: { words: event.words, as: event.as, at } },
    choices: { ...state.choices, [key]: names },
  };
}

function answerGate(state: IncidentState, event: Typed<'gate-answered'>, at: number): IncidentState {
  const before = state.gates[event.gate] ?? { shownSeq: event.seq, hosts: [], facts: event.facts };
  const shown = { shownSeq: before.shownSeq, facts: event.facts };
  const after =
    event.answer === 'confirmed'
      ? { ...shown, hosts: event.hosts, confirmedSeq: event.seq, confirmedAt: at }
      : { ...shown, hosts: [] };
  return { ...state, gates: { ...state.gates, [event.gate]: after } };
}

/** It is no longer left out; its attestation stays in the record, not in the state. */
function comeBack(state: IncidentState, host: string): IncidentState {
  const { [host]: _attested, ...attested } = state.attested;
  const without = (names: readonly string[]): readonly string[] => names.filter((name) => name !== host);
  const { fenced, left } = state.choices;
  return { ...state, attested, choices: { ...state.choices, fenced: without(fenced), left: without(left) } };
}

type CellEvent = Typed<
  | 'step-begun'
  | 'commands-fixed'
  | 'asked'
  | 'announced'
  | 'sent'
  | 'returned'
  | 'step-ended'
  | 'deadline'
  | 'answered'
  | 'step-skipped'
>;

function inCell(state: IncidentState, event: CellEvent, at: number): IncidentState {
  const key = cellKey(event.step, event.host);
  const cell = changeCell(state.cells[key] ?? emptyCell(event.step, event.host), event, at);
  const next = { ...state, cells: { ...state.cells, [key]: cell } };
  switch (event.type) {
    case 'sent':
      return { ...next, commands: remember(state.commands, event, at) };
    case 'returned':
      return { ...next, commands: complete(state.commands, event) };
    case 'step-ended': {
      const failed = event.outcome === 'failed' || event.outcome === 'doubt';
      const undone = event.outcome === 'done' || event.outcome === 'already' ? undoneCell(next, event) : next;
      return failed ? { ...undone, gatesVoidBefore: event.seq } : undone;
    }
    default:
      return next;
  }
}

/** An undoing step that succeeded marks the step it undid. */
function undoneCell(state: IncidentState, event: Typed<'step-ended'>): IncidentState {
  if (!event.step.startsWith('undo:')) return state;
  const key = cellKey(event.step.slice('undo:'.length), event.host);
  const cell = state.cells[key];
  return cell === undefined ? state : { ...state, cells: { ...state.cells, [key]: { ...cell, status: 'undone' } } };
}

function changeCell(cell: Cell, event: CellEvent, at: number): Cell {
  switch (event.type) {
    case 'step-begun':
      return {
        ...emptyCell(event.step, event.host),
        attempt: event.attempt,
        status: 'begun',
        gated: event.gated,
        learned: { ...event.learned, ...cell.learned },
        begunAt: at,
        deadlineFrom: at,
      };
    case 'commands-fixed':
      return { ...cell, commands: event.commands };
    case 'asked':
      return {
        ...cell,
        lastAnswer: event.answer,
        evidence: event.evidence,
        clear: cell.clear || (event.answer === 'no' && cell.sent.length === 0),
      };
    case 'announced':
      return { ...cell, announced: { index: event.index, command: event.command, at } };
    case 'sent': {
      const { announced: _announced, ...rest } = cell;
      const sent: SentCommand = { index: event.index, command: event.command, at };
      const others = cell.sent.filter((one) => one.index !== event.index);
      // Time spent before a gate is not the step's: its deadline counts from what was sent last.
      return { ...rest, status: 'running', sent: [...others, sent], deadlineFrom: at };
    }
    case 'returned':
      return {
        ...cell,
        sent: cell.sent.map((one) => (one.index === event.index ? { ...one, returned: returnedOf(event) } : one)),
      };
    case 'step-ended': {
      const { trouble: _old, ...rest } = cell;
      return {
        ...rest,
        status: event.outcome,
        endedAt: at,
        evidence: event.evidence,
        learned: { ...cell.learned, ...event.learned },
        late: false,
        ...(event.trouble === undefined ? {} : { trouble: event.trouble }),
      };
    }
    case 'deadline':
      return { ...cell, late: true };
    case 'answered':
      return answer(cell, event.choice, at);
    case 'step-skipped':
      return { ...cell, status: 'skipped', skipReason: event.reason, endedAt: at, late: false };
  }
}

function answer(cell: Cell, choice: 'wait' | 'give-up' | 'retry' | 'look-again', at: number): Cell {
  switch (choice) {
    case 'wait':
      return { ...cell, late: false, deadlineFrom: at };
    case 'give-up':
      return { ...cell, late: false };
    case 'retry':
    case 'look-again': {
      // Waiting again; what the cell has learned and its attempt stay, a new attempt begins from them.
      const { trouble: _trouble, endedAt: _endedAt, commands: _commands, ...rest } = cell;
      return choice === 'retry'
        ? { ...rest, status: 'waiting', sent: [], clear: false }
        : {
            ...rest,
            ...(cell.commands === undefined ? {} : { commands: cell.commands }),
            status: cell.sent.length > 0 ? 'running' : 'begun',
            deadlineFrom: at,
          };
    }
  }
}

function returnedOf(event: Typed<'returned'>): NonNullable<SentCommand['returned']> {
  return {
    ok: event.ok,
    code: event.code,
    ms: event.ms,
    excerpt: event.excerpt,
    doubt: event.doubt,
    ...(event.result === undefined ? {} : { result: event.result }),
  };
}

function remember(commands: readonly CommandLine[], event: Typed<'sent'>, at: number): readonly CommandLine[] {
  const cell = cellKey(event.step, event.host);
  const line = {
    seq: event.seq,
    at,
    step: event.step,
    cell,
    index: event.index,
    host: event.command.host,
    argv: event.command.argv,
  };
  return [...commands.slice(-(KEPT_COMMANDS - 1)), line];
}

function complete(commands: readonly CommandLine[], event: Typed<'returned'>): readonly CommandLine[] {
  const cell = cellKey(event.step, event.host);
  const at = commands.findLastIndex((line) => line.cell === cell && line.index === event.index);
  return commands.map((line, index) => (index === at ? { ...line, code: event.code, ms: event.ms } : line));
}

import { PANES } from '../src/store/view.js';
import {
  askFilter,
  askSearch,
  copyLine,
  followJournal,
  moveInJournal,
  nextError,
  nextHost,
  nextLevel,
  openLine,
  saveJournal,
  searchOn,
} from './journal/press.js';
import { type CommandId, commandFor, looksOnly, silentHosts } from './keys.js';
import { planCursor } from './Pane.js';
import { planRows } from './panes/plan.js';
import { optionCursor } from './panes/triage.js';
import { openVerification, type PressTools, say } from './press-tools.js';

const SEEK = {
  'next-event': { do: 'seek', to: 'event', by: 1 },
  'next-step': { do: 'seek', to: 'step', by: 1 },
  'next-failure': { do: 'seek', to: 'failure', by: 1 },
  'previous-event': { do: 'seek', to: 'event', by: -1 },
  'previous-step': { do: 'seek', to: 'step', by: -1 },
  'previous-failure': { do: 'seek', to: 'failure', by: -1 },
} as const;

/** What a key does where no dialog is open. */
export function pressInPanes(name: string, tools: PressTools): void {
  const command = commandFor(name, tools.state, tools.view);
  if (command === undefined) {
    if (tools.view.notice !== undefined) tools.change({ do: 'notice', text: undefined });
    return;
  }
  run(command, name, tools);
}

/** Carries a command of the table out; `name` is the key that was pressed. */
export function run(command: CommandId, name: string, tools: PressTools): void {
  const { state, view, intents, change } = tools;
  switch (command) {
    case 'help':
      return change({ do: 'open', dialog: { kind: 'help' } });
    case 'handover':
      return change({ do: 'open', dialog: { kind: 'handover' } });
    case 'quit':
      return change({ do: 'open', dialog: { kind: 'quit' } });
    case 'back':
      return change({ do: 'close' });
    case 'next-pane':
      return change({ do: 'next-pane', by: 1 });
    case 'previous-pane':
      return change({ do: 'next-pane', by: -1 });
    case 'pane':
      return change({ do: 'focus', pane: PANES[Number(name) - 1] ?? 'plan' });
    case 'scenario': {
      const at = Number(name) - 1;
      if (state.triage.options[at] === undefined) return;
      change({ do: 'focus', pane: 'plan' });
      change({ do: 'place', pane: 'plan', at });
      return chooseScenario(at, tools);
    }
    case 'zoom':
      return change({ do: 'zoom' });
    case 'up':
    case 'down':
    case 'page-up':
    case 'page-down':
    case 'top':
    case 'bottom':
      return move(command, tools);
    case 'follow':
    case 'hold-still':
      return followJournal(command === 'follow', tools);
    case 'next-error':
    case 'previous-error':
      return nextError(command === 'next-error' ? 1 : -1, tools);
    case 'search':
      return askSearch(tools);
    case 'next-match':
    case 'previous-match':
      return searchOn(command === 'next-match' ? 1 : -1, tools);
    case 'filter':
      return askFilter(tools);
    case 'level':
      return nextLevel(tools);
    case 'host':
      return nextHost(tools);
    case 'line':
      return openLine(tools);
    case 'copy':
      return copyLine(tools);
    case 'save-journal':
      return saveJournal(tools);
    case 'backups':
      return change({ do: 'focus', pane: 'backups' });
    case 'checklist':
      return change({ do: 'focus', pane: 'checklist' });
    case 'primary':
    case 'target':
    case 'way':
    case 'gone':
      return change({ do: 'open', dialog: { kind: 'choose', key: command } });
    case 'hosts':
      return change({ do: 'open', dialog: { kind: 'hosts' } });
    case 'host-keys':
      return change({ do: 'open', dialog: { kind: 'keys', keys: state.unknownKeys } });
    case 'retry-host': {
      const host = state.cluster.hosts[view.cursor.nodes]?.name;
      return host === undefined ? undefined : say(tools, intents.retryHost(host) ?? `Trying ${host} again.`);
    }
    case 'explain':
      return change({ do: 'open', dialog: { kind: 'symptoms' } });
    case 'lookup':
    case 'palette':
    case 'maintenance':
      return change({ do: 'open', dialog: { kind: command } });
    case 'escalate':
      return change({ do: 'open', dialog: { kind: 'escalation' } });
    case 'verify':
      return openVerification(tools);
    case 'reload':
      return say(tools, intents.listBackups());
    case 'begin': {
      const refused = intents.begin();
      return refused === undefined ? change({ do: 'focus', pane: 'plan' }) : say(tools, refused);
    }
    case 'open-gate':
      change({ do: 'open', dialog: { kind: 'gate' } });
      void intents.openGate().then((refused) => say(tools, refused));
      return;
    case 'trouble':
      return change({ do: 'open', dialog: { kind: 'trouble' } });
    case 'pause':
      return say(tools, intents.pause(state.incident?.paused !== true));
    case 'go-on':
      return change({ do: 'open', dialog: { kind: 'go-on' } });
    case 'undo':
      return change({
        do: 'open',
        dialog: { kind: 'words', purpose: { do: 'undo' }, question: 'Why is it undone? It stands in the report.' },
      });
    case 'report':
      return change({ do: 'open', dialog: { kind: 'done' } });
    case 'shown-gate':
      return change({ do: 'open', dialog: { kind: 'gate' } });
    case 'play':
    case 'faster':
    case 'slower':
      return say(tools, intents.replay?.({ do: command }));
    case 'replay-start':
    case 'replay-end':
      return say(tools, intents.replay?.({ do: command === 'replay-start' ? 'start' : 'end' }));
    case 'next-event':
    case 'next-step':
    case 'next-failure':
    case 'previous-event':
    case 'previous-step':
    case 'previous-failure':
      return say(tools, intents.replay?.(SEEK[command]));
    case 'enter':
      return enter(tools);
  }
}

function enter(tools: PressTools): void {
  const { state, view, intents, change } = tools;
  const { backups } = state;
  if (view.focus === 'backups' && backups.state === 'listed') {
    const row = backups.rows[view.cursor.backups];
    return row === undefined
      ? undefined
      : say(tools, intents.choose('snapshot', row.name) ?? `${row.name} is being fetched and proven.`);
  }
  if (view.focus === 'checklist') {
    const item = state.checklist[view.cursor.checklist];
    if (item === undefined) return;
    if (item.id === 'current-data' && item.status === 'unmet' && !looksOnly(state)) return askCopy(tools);
    if (item.status === 'met' || looksOnly(state))
      return change({ do: 'notice', text: `${item.title}: ${item.evidence}` });
    return change({
      do: 'open',
      dialog: {
        kind: 'words',
        purpose: { do: 'tick', item: item.id },
        question: `${item.title}. How does it stand? Your words stand in the record.`,
      },
    });
  }
  if (view.focus === 'nodes') {
    const host = state.cluster.hosts[view.cursor.nodes];
    const problem = host === undefined ? undefined : state.live[host.name]?.facts.problem;
    if (host !== undefined && silentHosts(state).includes(host.name) && !looksOnly(state))
      return change({ do: 'open', dialog: { kind: 'hosts' } });
    return change({
      do: 'notice',
      text: problem === undefined ? 'Nothing is wrong with the connection to it.' : `${problem.what} ${problem.next}`,
    });
  }
  if (view.focus === 'plan' && state.incident?.begun !== true) return chooseScenario(optionCursor(state, view), tools);
  if (view.focus === 'plan') change({ do: 'focus', pane: 'step' });
}

/** Only chooses: nothing is sent before the plan is begun, and nothing is changed before its first gate. */
function chooseScenario(at: number, tools: PressTools): void {
  const { state, intents, change } = tools;
  const option = state.triage.options[at];
  if (option !== undefined && option.id !== state.incident?.scenario)
    return say(tools, intents.chooseScenario(option.id));
  return change({
    do: 'notice',
    text: 'Chosen. b backups, p server, c checklist; o begins the plan: its first gate follows.',
  });
}

/** Large data is copied when somebody wants it; a word will do as well. */
function askCopy({ change }: PressTools): void {
  change({
    do: 'open',
    dialog: {
      kind: 'words',
      purpose: { do: 'copy-data' },
      question: 'Press enter to copy the etcd data of every server to this machine, or say why it is left out.',
    },
  });
}

const PAGE = 10;

function move(command: 'up' | 'down' | 'page-up' | 'page-down' | 'top' | 'bottom', tools: PressTools): void {
  const { state, view, change } = tools;
  const by = { up: -1, down: 1, 'page-up': -PAGE, 'page-down': PAGE, top: -100_000, bottom: 100_000 }[command];
  if (view.focus === 'journal') return moveInJournal(by, tools);
  const count = {
    plan: state.incident?.begun === true ? planRows(state.plan).length : state.triage.options.length,
    checklist: state.checklist.length,
    nodes: state.cluster.hosts.length,
    step: 200,
    backups: state.backups.state === 'listed' ? state.backups.rows.length : 0,
    commands: 1,
  }[view.focus];
  // The plan's cursor stands where the work is until it is moved.
  if (view.focus === 'plan' && view.cursor.plan <= 0) {
    const begun = state.incident?.begun === true;
    if (begun || view.cursor.plan < 0)
      change({ do: 'place', pane: 'plan', at: begun ? planCursor(state, view) : optionCursor(state, view) });
  }
  change({ do: 'move', by, count: Math.max(1, count) });
}

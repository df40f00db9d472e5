import type { ChoiceKey } from '../src/incident/step.js';
import type { ConsoleState } from '../src/store/store.js';
import { noFilter, PANES, type PaneId, topDialog, type ViewState } from '../src/store/view.js';
import { choiceOptions } from './dialogs/choose.js';
import { symptomsSeen } from './panes/journal.js';

/** Every key of the console, as data: the footer, the help and the dispatch are made from this one table. */

export type CommandId =
  | 'help'
  | 'quit'
  | 'back'
  | 'next-pane'
  | 'previous-pane'
  | 'pane'
  | 'scenario'
  | 'up'
  | 'down'
  | 'page-up'
  | 'page-down'
  | 'top'
  | 'bottom'
  | 'zoom'
  | 'enter'
  | 'begin'
  | 'primary'
  | 'target'
  | 'way'
  | 'gone'
  | 'backups'
  | 'checklist'
  | 'hosts'
  | 'host-keys'
  | 'open-gate'
  | 'trouble'
  | 'follow'
  | 'hold-still'
  | 'line'
  | 'filter'
  | 'level'
  | 'host'
  | 'next-match'
  | 'previous-match'
  | 'copy'
  | 'save-journal'
  | 'next-error'
  | 'previous-error'
  | 'search'
  | 'pause'
  | 'undo'
  | 'report'
  | 'retry-host'
  | 'reload'
  | 'explain'
  | 'verify'
  | 'lookup'
  | 'palette'
  | 'escalate'
  | 'maintenance'
  | 'handover'
  | 'repaint'
  | 'play'
  | 'shown-gate'
  | 'go-on'
  | 'next-event'
  | 'previous-event'
  | 'next-step'
  | 'previous-step'
  | 'next-failure'
  | 'previous-failure'
  | 'faster'
  | 'slower'
  | 'replay-start'
  | 'replay-end';

export interface KeySpec {
  readonly id: CommandId;
  /** What is pressed, for people. */
  readonly keys: string;
  /** How ink reports it: the character, or the name of a special key. */
  readonly press: readonly string[];
  readonly label: string;
  /** Changes something on a node, directly or behind a gate; not there while observing. */
  readonly acts?: boolean;
  /** Needs a cluster; not there in a replay. */
  readonly live?: boolean;
  /** Whether it works now; without it, always. */
  when?(state: ConsoleState, view: ViewState): boolean;
  /** Shown in the footer when it works; lower comes first. */
  readonly footer?: number;
}

const begun = (state: ConsoleState): boolean => state.incident?.begun === true;
const ended = (state: ConsoleState): boolean => state.incident?.ended !== undefined;
const chosen = (state: ConsoleState): boolean => state.incident?.scenario !== undefined;
const asks = (state: ConsoleState, key: ChoiceKey): boolean =>
  state.scenario?.asks.some((one) => one.key === key) === true;
const following = (view: ViewState): boolean => view.journal.at === undefined;
const searching = (_state: ConsoleState, view: ViewState): boolean => view.journal.search !== '';
const apiAnswers = (state: ConsoleState): boolean =>
  Object.values(state.live).some((one) => one.facts.apiReady === true);
const at =
  (pane: PaneId) =>
  (_state: ConsoleState, view: ViewState): boolean =>
    view.focus === pane;

const replaying = (state: ConsoleState): boolean => state.mode === 'REPLAY';
/** Nothing is done from this console: it observes, or shows a record. */
export const looksOnly = (state: ConsoleState): boolean => state.mode === 'OBSERVE' || replaying(state);

/** Scenarios stand on the screen with their numbers: then a digit means one of them, else a pane. */
const choosing = (state: ConsoleState): boolean => !begun(state) && !looksOnly(state);
export const digitsArePanes = (state: ConsoleState): boolean => !choosing(state);

export const KEYS: readonly KeySpec[] = [
  { id: 'play', keys: 'space', press: [' '], label: 'play, pause', footer: 1, when: replaying },
  {
    id: 'shown-gate',
    keys: 'o',
    press: ['o'],
    label: 'what the gate showed',
    footer: 1,
    when: (state) => replaying(state) && state.attention.kind === 'gate' && state.attention.open !== undefined,
  },
  { id: 'next-event', keys: '. right', press: ['.', 'right'], label: 'next event', footer: 3, when: replaying },
  { id: 'previous-event', keys: ', left', press: [',', 'left'], label: 'event before', when: replaying },
  { id: 'next-step', keys: '>', press: ['>'], label: 'next step', footer: 2, when: replaying },
  { id: 'previous-step', keys: '<', press: ['<'], label: 'step before', when: replaying },
  { id: 'next-failure', keys: ']', press: [']'], label: 'next failure', footer: 2, when: replaying },
  { id: 'previous-failure', keys: '[', press: ['['], label: 'failure before', when: replaying },
  { id: 'faster', keys: '+', press: ['+', '='], label: 'faster', footer: 4, when: replaying },
  { id: 'slower', keys: '-', press: ['-'], label: 'slower', when: replaying },
  { id: 'replay-start', keys: '0', press: ['0'], label: 'to the first event', when: replaying },
  { id: 'replay-end', keys: '$', press: ['$'], label: 'to the last event', when: replaying },
  {
    id: 'go-on',
    live: true,
    keys: 'A',
    press: ['A'],
    label: 'go on in their place',
    footer: 0,
    when: (state) => state.vacant !== undefined,
  },
  {
    id: 'host-keys',
    live: true,
    keys: 'K',
    press: ['K'],
    label: 'look at host keys',
    footer: 1,
    when: (state) => state.unknownKeys.length > 0,
  },
  {
    id: 'open-gate',
    keys: 'enter',
    press: ['return'],
    label: 'open the gate',
    acts: true,
    footer: 1,
    when: (state) => state.attention.kind === 'gate',
  },
  {
    id: 'trouble',
    keys: 'enter',
    press: ['return'],
    label: 'decide',
    acts: true,
    footer: 1,
    when: (state) => state.attention.kind === 'trouble',
  },
  {
    id: 'begin',
    keys: 'o',
    press: ['o'],
    label: 'begin the plan',
    acts: true,
    footer: 2,
    when: (state) => chosen(state) && !begun(state),
  },
  {
    id: 'line',
    keys: 'enter',
    press: ['return'],
    label: 'this line',
    footer: 1,
    when: (state, view) => at('journal')(state, view) && state.attention.kind === 'none',
  },
  {
    id: 'enter',
    keys: 'enter',
    press: ['return'],
    label: 'choose, open',
    footer: 1,
    when: (state, view) =>
      view.focus !== 'journal' &&
      (!begun(state) || view.focus === 'plan' || view.focus === 'backups' || view.focus === 'nodes'),
  },
  { id: 'backups', live: true, keys: 'b', press: ['b'], label: 'backups', footer: 3, when: (state) => !begun(state) },
  {
    id: 'primary',
    live: true,
    keys: 'p',
    press: ['p'],
    label: 'choose the server',
    footer: 4,
    when: (state) => asks(state, 'primary') && !begun(state),
  },
  {
    id: 'target',
    live: true,
    keys: 't',
    press: ['t'],
    label: 'which host it is about',
    footer: 3,
    when: (state) => asks(state, 'target') && !begun(state),
  },
  {
    id: 'way',
    live: true,
    keys: 'w',
    press: ['w'],
    label: 'what is done with it',
    footer: 3,
    when: (state) => asks(state, 'way') && !begun(state),
  },
  {
    id: 'gone',
    live: true,
    keys: 'd',
    press: ['d'],
    label: 'Nodes without a host',
    footer: 3,
    when: (state) => begun(state) && !ended(state) && choiceOptions(state, 'gone').options.length > 0,
  },
  { id: 'checklist', keys: 'c', press: ['c'], label: 'checklist', footer: 5, when: (state) => !begun(state) },
  {
    id: 'hosts',
    keys: 'a',
    press: ['a'],
    label: 'attest a silent host',
    acts: true,
    footer: 4,
    when: (state) => silentHosts(state).length > 0 && !ended(state),
  },
  { id: 'report', live: true, keys: 'r', press: ['r'], label: 'write the report', footer: 2, when: ended },
  {
    id: 'pause',
    live: true,
    keys: 'p',
    press: ['p'],
    label: 'pause after this step',
    footer: 6,
    when: (state) => begun(state) && !ended(state),
  },
  {
    id: 'undo',
    keys: 'u',
    press: ['u'],
    label: 'undo',
    acts: true,
    footer: 7,
    when: (state) => begun(state) && !ended(state) && state.incident?.undoing === undefined,
  },
  { id: 'follow', keys: 'f', press: ['f'], label: 'follow', footer: 2, when: (_state, view) => !following(view) },
  {
    id: 'hold-still',
    keys: 'f',
    press: ['f'],
    label: 'hold still',
    footer: 3,
    when: (state, view) => at('journal')(state, view) && following(view),
  },
  { id: 'next-error', keys: 'e', press: ['e'], label: 'next error', footer: 2, when: at('journal') },
  { id: 'previous-error', keys: 'E', press: ['E'], label: 'previous error', when: at('journal') },
  { id: 'search', keys: '/', press: ['/'], label: 'search the journal', footer: 7 },
  { id: 'next-match', keys: 'n', press: ['n'], label: 'next match', footer: 2, when: searching },
  { id: 'previous-match', keys: 'N', press: ['N'], label: 'previous match', when: searching },
  { id: 'filter', keys: 'F', press: ['F'], label: 'filter', footer: 2, when: at('journal') },
  { id: 'level', keys: 's', press: ['s'], label: 'severity', footer: 3, when: at('journal') },
  { id: 'host', keys: 'm', press: ['m'], label: 'one node', footer: 4, when: at('journal') },
  { id: 'copy', keys: 'y', press: ['y'], label: 'copy the line', footer: 8, when: at('journal') },
  {
    id: 'save-journal',
    live: true,
    keys: 'w',
    press: ['w'],
    label: 'write the lines to a file',
    footer: 9,
    when: at('journal'),
  },
  { id: 'retry-host', live: true, keys: 'R', press: ['R'], label: 'try this host again', when: at('nodes'), footer: 4 },
  {
    id: 'explain',
    keys: 'i',
    press: ['i'],
    label: 'explain symptoms',
    footer: 5,
    when: (state) => symptomsSeen(state.journal).length > 0,
  },
  {
    id: 'verify',
    live: true,
    keys: 'v',
    press: ['v'],
    label: 'verify the cluster',
    footer: 8,
    when: (state) =>
      !looksOnly(state) && (ended(state) || state.incident?.verification !== undefined || apiAnswers(state)),
  },
  {
    id: 'reload',
    live: true,
    keys: 'R',
    press: ['R'],
    label: 'read the catalogue again',
    when: at('backups'),
    footer: 4,
  },
  { id: 'lookup', keys: 'l', press: ['l'], label: 'look a message up', footer: 9 },
  { id: 'palette', keys: ':', press: [':'], label: 'command by name', footer: 10 },
  { id: 'escalate', keys: 'C', press: ['C'], label: 'call for help', footer: 9 },
  {
    id: 'maintenance',
    keys: 'M',
    press: ['M'],
    label: 'maintenance lists',
    when: (state) => state.maintenance.length > 0,
  },
  { id: 'next-pane', keys: 'tab', press: ['tab'], label: 'next pane', footer: 8 },
  { id: 'previous-pane', keys: 'shift-tab', press: ['shift-tab'], label: 'previous pane' },
  {
    id: 'pane',
    keys: `1…${PANES.length}`,
    press: PANES.map((_pane, index) => String(index + 1)),
    label: 'plan, checklist, nodes, step, journal, backups, commands',
    when: digitsArePanes,
  },
  {
    id: 'scenario',
    keys: '1-9',
    press: ['1', '2', '3', '4', '5', '6', '7', '8', '9'],
    label: 'scenario',
    footer: 2,
    when: choosing,
  },
  { id: 'up', keys: 'up k', press: ['up', 'k'], label: 'up' },
  { id: 'down', keys: 'down j', press: ['down', 'j'], label: 'down' },
  { id: 'page-up', keys: 'page up, ctrl-u', press: ['pageup', 'ctrl-u'], label: 'a page up' },
  { id: 'page-down', keys: 'page down, ctrl-d', press: ['pagedown', 'ctrl-d'], label: 'a page down' },
  { id: 'top', keys: 'g', press: ['g', 'home'], label: 'to the top' },
  { id: 'bottom', keys: 'G', press: ['G', 'end'], label: 'to the end' },
  { id: 'zoom', keys: 'z', press: ['z'], label: 'zoom this pane', footer: 9 },
  {
    id: 'back',
    keys: 'esc',
    press: ['escape'],
    label: 'one layer back',
    when: (_state, view) =>
      view.zoom || view.journal.search !== '' || view.journal.filter !== noFilter || view.dialogs.length > 0,
  },
  { id: 'repaint', keys: 'ctrl-l', press: ['ctrl-l'], label: 'draw again' },
  { id: 'handover', keys: 'H', press: ['H'], label: 'handover: state, doubts, next, what not to do', when: chosen },
  { id: 'help', keys: '?', press: ['?'], label: 'help', footer: 10 },
  { id: 'quit', keys: 'q', press: ['q', 'ctrl-c'], label: 'leave', footer: 11 },
];

export const silentHosts = (state: ConsoleState): string[] =>
  state.cluster.hosts
    .filter(
      (host) =>
        state.live[host.name]?.facts.reachable === false &&
        !state.incident?.choices.fenced.includes(host.name) &&
        !state.incident?.choices.left.includes(host.name),
    )
    .map((host) => host.name);

/** Keys that work now; while observing, none that acts; in a replay, none that needs a cluster. */
export function workingKeys(state: ConsoleState, view: ViewState): KeySpec[] {
  return KEYS.filter(
    (key) =>
      (!looksOnly(state) || key.acts !== true) &&
      (!replaying(state) || key.live !== true) &&
      (key.when?.(state, view) ?? true),
  );
}

/** The command a key press means now; the first in the table wins. */
export function commandFor(press: string, state: ConsoleState, view: ViewState): CommandId | undefined {
  if (topDialog(view) !== undefined) return undefined;
  return workingKeys(state, view).find((key) => key.press.includes(press))?.id;
}

/** Keys for the footer, most useful first; a key that means two things is shown once. */
export function footerKeys(state: ConsoleState, view: ViewState): KeySpec[] {
  const taken = new Set<string>();
  return workingKeys(state, view)
    .filter((key) => key.footer !== undefined)
    .filter((key) => {
      const free = !key.press.some((press) => taken.has(press));
      for (const press of key.press) taken.add(press);
      return free;
    })
    .sort((a, b) => (a.footer ?? 0) - (b.footer ?? 0));
}

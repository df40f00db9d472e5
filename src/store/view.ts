import type { UnknownKey } from '../incident/host-key.js';
import type { ChoiceKey } from '../incident/step.js';

/** What of the screen is the person's own: where they look and what they have opened. A pure reducer, apart from the incident. */

import type { LookupHit } from '../incident/journal.js';

export type PaneId = 'plan' | 'checklist' | 'nodes' | 'step' | 'journal' | 'backups' | 'commands';

export const PANES: readonly PaneId[] = ['plan', 'checklist', 'nodes', 'step', 'journal', 'backups', 'commands'];

export type Dialog =
  | { readonly kind: 'help' }
  | { readonly kind: 'gate' }
  | { readonly kind: 'trouble' }
  | { readonly kind: 'quit' }
  /** Whether to act in place of a console that has ended. */
  | { readonly kind: 'go-on' }
  | { readonly kind: 'handover' }
  /** The host keys as they were when it was opened: what is accepted is what was read, whoever shows another meanwhile. */
  | { readonly kind: 'keys'; readonly keys: readonly UnknownKey[] }
  | { readonly kind: 'done' }
  /** One of the choices the scenario asks for. */
  | { readonly kind: 'choose'; readonly key: ChoiceKey }
  | { readonly kind: 'hosts' }
  | { readonly kind: 'symptoms' }
  | { readonly kind: 'verification' }
  | { readonly kind: 'escalation' }
  | { readonly kind: 'maintenance' }
  | { readonly kind: 'palette' }
  /** `found` once something was looked up; `initial` stands in the line at first. */
  | {
      readonly kind: 'lookup';
      readonly initial?: string;
      readonly found?: { readonly text: string; readonly hits: readonly LookupHit[] };
    }
  /** One line of the journal, with its fields and what is known of it. */
  | { readonly kind: 'line'; readonly id: number }
  /** A line of text is asked for; `purpose` tells what becomes of it. */
  | { readonly kind: 'words'; readonly purpose: WordsPurpose; readonly question: string; readonly initial?: string };

export type WordsPurpose =
  | { readonly do: 'tick'; readonly item: string }
  | { readonly do: 'attest'; readonly host: string; readonly as: 'off' | 'left-out' }
  | { readonly do: 'skip'; readonly step: string; readonly host: string }
  | { readonly do: 'undo' }
  | { readonly do: 'copy-data' }
  | { readonly do: 'maintenance'; readonly item: string }
  | { readonly do: 'search' }
  | { readonly do: 'filter' }
  | { readonly do: 'approve' }
  | { readonly do: 'break-glass' };

/** Which journal lines are shown; an empty list or undefined leaves nothing out. */
export interface JournalFilter {
  /** The least severity shown. */
  readonly level: 'debug' | 'info' | 'warning' | 'error';
  readonly hosts: readonly string[];
  readonly units: readonly string[];
  /** Texts a line must hold, and texts it must not. */
  readonly words: readonly string[];
  readonly without: readonly string[];
  /** Source of a regular expression it must match. */
  readonly pattern?: string;
}

export interface JournalView {
  /** Id of the line the cursor stands on; undefined: the end, which is followed. */
  readonly at: number | undefined;
  readonly filter: JournalFilter;
  /** What is searched: text, or `/a regular expression/`. */
  readonly search: string;
}

/** Debug lines are for the details of etcd and left out at first. */
export const noFilter: JournalFilter = { level: 'info', hosts: [], units: [], words: [], without: [] };

export interface ViewState {
  readonly focus: PaneId;
  readonly zoom: boolean;
  /** Open dialogs; the last is on top. */
  readonly dialogs: readonly Dialog[];
  readonly cursor: Readonly<Record<PaneId, number>>;
  readonly journal: JournalView;
  /** A sentence for the operator; goes with the next key. */
  readonly notice: string | undefined;
}

export const initialView: ViewState = {
  focus: 'plan',
  zoom: false,
  dialogs: [],
  // Below zero: nobody moved it, so it stands where one looks first.
  cursor: { plan: -1, checklist: 0, nodes: 0, step: 0, journal: 0, backups: 0, commands: 0 },
  journal: { at: undefined, filter: noFilter, search: '' },
  notice: undefined,
};

export type ViewAction =
  | { readonly do: 'focus'; readonly pane: PaneId }
  | { readonly do: 'next-pane'; readonly by: 1 | -1 }
  | { readonly do: 'move'; readonly by: number; readonly count: number }
  | { readonly do: 'place'; readonly pane: PaneId; readonly at: number }
  /** Stands on a line of the journal; undefined follows the end. */
  | { readonly do: 'journal-at'; readonly line: number | undefined }
  | { readonly do: 'filter'; readonly filter: JournalFilter }
  | { readonly do: 'zoom' }
  | { readonly do: 'open'; readonly dialog: Dialog }
  | { readonly do: 'close' }
  | { readonly do: 'close-kind'; readonly kind: Dialog['kind'] }
  | { readonly do: 'search'; readonly text: string }
  | { readonly do: 'notice'; readonly text: string | undefined };

export function reduceView(view: ViewState, action: ViewAction): ViewState {
  switch (action.do) {
    case 'focus':
      return { ...view, focus: action.pane, notice: undefined };
    case 'next-pane': {
      const at = PANES.indexOf(view.focus) + action.by;
      return { ...view, focus: PANES[(at + PANES.length) % PANES.length] ?? 'plan' };
    }
    case 'move': {
      const at = Math.max(0, Math.min(action.count - 1, view.cursor[view.focus] + action.by));
      return { ...view, cursor: { ...view.cursor, [view.focus]: at }, notice: undefined };
    }
    case 'place':
      return { ...view, cursor: { ...view.cursor, [action.pane]: action.at } };
    case 'journal-at':
      return { ...view, journal: { ...view.journal, at: action.line }, notice: undefined };
    case 'filter':
      return { ...view, journal: { ...view.journal, filter: action.filter } };
    case 'zoom':
      return { ...view, zoom: !view.zoom };
    case 'open':
      return { ...view, dialogs: [...view.dialogs, action.dialog], notice: undefined };
    case 'close':
      return back(view);
    case 'close-kind':
      return { ...view, dialogs: view.dialogs.filter((dialog) => dialog.kind !== action.kind) };
    case 'search':
      return { ...view, journal: { ...view.journal, search: action.text } };
    case 'notice':
      return { ...view, notice: action.text };
  }
}

/** One layer back: the dialog on top, the zoom, the search, the filter. */
function back(view: ViewState): ViewState {
  if (view.dialogs.length > 0) return { ...view, dialogs: view.dialogs.slice(0, -1) };
  if (view.zoom) return { ...view, zoom: false };
  const { journal } = view;
  if (journal.search !== '') return { ...view, journal: { ...journal, search: '' } };
  return { ...view, journal: { ...journal, filter: noFilter } };
}

export const topDialog = (view: ViewState): Dialog | undefined => view.dialogs.at(-1);

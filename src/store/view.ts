import type { ChoiceKey } from '../incident/step.js';

/** What of the screen is the person's own: where they look and what they have opened. A pure reducer, apart from the incident. */

export type PaneId = 'plan' | 'checklist' | 'nodes' | 'step' | 'journal' | 'backups' | 'commands';

export const PANES: readonly PaneId[] = ['plan', 'checklist', 'nodes', 'step', 'journal', 'backups', 'commands'];

export type Dialog =
  | { readonly kind: 'help' }
  | { readonly kind: 'gate' }
  | { readonly kind: 'trouble' }
  | { readonly kind: 'quit' }
  | { readonly kind: 'keys' }
  | { readonly kind: 'done' }
  /** One of the choices the scenario asks for. */
  | { readonly kind: 'choose'; readonly key: ChoiceKey }
  | { readonly kind: 'hosts' }
  | { readonly kind: 'symptoms' }
  /** A line of text is asked for; `purpose` tells what becomes of it. */
  | { readonly kind: 'words'; readonly purpose: WordsPurpose; readonly question: string };

export type WordsPurpose =
  | { readonly do: 'tick'; readonly item: string }
  | { readonly do: 'attest'; readonly host: string; readonly as: 'off' | 'left-out' }
  | { readonly do: 'skip'; readonly step: string; readonly host: string }
  | { readonly do: 'undo' }
  | { readonly do: 'search' };

export interface ViewState {
  readonly focus: PaneId;
  readonly zoom: boolean;
  /** Open dialogs; the last is on top. */
  readonly dialogs: readonly Dialog[];
  readonly cursor: Readonly<Record<PaneId, number>>;
  /** The journal stays at its end. */
  readonly follow: boolean;
  /** Lines scrolled up from the end when not following. */
  readonly scrolled: number;
  readonly search: string;
  /** A sentence for the operator; goes with the next key. */
  readonly notice: string | undefined;
}

export const initialView: ViewState = {
  focus: 'plan',
  zoom: false,
  dialogs: [],
  cursor: { plan: 0, checklist: 0, nodes: 0, step: 0, journal: 0, backups: 0, commands: 0 },
  follow: true,
  scrolled: 0,
  search: '',
  notice: undefined,
};

export type ViewAction =
  | { readonly do: 'focus'; readonly pane: PaneId }
  | { readonly do: 'next-pane'; readonly by: 1 | -1 }
  | { readonly do: 'move'; readonly by: number; readonly count: number }
  | { readonly do: 'place'; readonly pane: PaneId; readonly at: number }
  | { readonly do: 'scroll'; readonly by: number; readonly most: number }
  | { readonly do: 'follow'; readonly on: boolean }
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
    case 'scroll': {
      const scrolled = Math.max(0, Math.min(action.most, view.scrolled + action.by));
      return { ...view, scrolled, follow: scrolled === 0 };
    }
    case 'follow':
      return { ...view, follow: action.on, scrolled: action.on ? 0 : view.scrolled };
    case 'zoom':
      return { ...view, zoom: !view.zoom };
    case 'open':
      return { ...view, dialogs: [...view.dialogs, action.dialog], notice: undefined };
    case 'close':
      return view.dialogs.length > 0
        ? { ...view, dialogs: view.dialogs.slice(0, -1) }
        : view.zoom
          ? { ...view, zoom: false }
          : { ...view, search: '' };
    case 'close-kind':
      return { ...view, dialogs: view.dialogs.filter((dialog) => dialog.kind !== action.kind) };
    case 'search':
      return { ...view, search: action.text };
    case 'notice':
      return { ...view, notice: action.text };
  }
}

export const topDialog = (view: ViewState): Dialog | undefined => view.dialogs.at(-1);

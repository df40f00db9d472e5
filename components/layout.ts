import type { ConsoleState } from '../src/store/store.js';
import type { PaneId, ViewState } from '../src/store/view.js';

/** Where panes stand. Pure: a terminal's size in, rectangles out. */

export interface Rectangle {
  readonly pane: PaneId;
  readonly width: number;
  readonly height: number;
}

export const SMALLEST = { columns: 80, rows: 24 };
const FULL = { columns: 118, rows: 34 };

/** Rows from top to bottom, of columns from left to right, of panes above each other. */
export type Layout = readonly (readonly (readonly Rectangle[])[])[];

export function layout(state: ConsoleState, view: ViewState, columns: number, rows: number): Layout {
  const height = rows - 2;
  if (view.zoom) return [[[{ pane: view.focus, width: columns, height }]]];
  if (columns < FULL.columns || rows < FULL.rows) return [[[{ pane: view.focus, width: columns, height: height - 1 }]]];
  return state.incident?.begun === true ? running(state, view, columns, height) : opening(state, view, columns, height);
}

/** Whether panes stand behind tabs. */
export const isSmall = (columns: number, rows: number): boolean => columns < FULL.columns || rows < FULL.rows;

export const isTooSmall = (columns: number, rows: number): boolean =>
  columns < SMALLEST.columns || rows < SMALLEST.rows;

function opening(state: ConsoleState, view: ViewState, columns: number, height: number): Layout {
  const nodes = Math.min(state.cluster.hosts.length + 3, Math.floor(height / 3));
  const middle = Math.min(19, height - nodes - 6);
  const left = Math.floor(columns * 0.5);
  const lower = view.focus === 'backups' || view.focus === 'commands' ? view.focus : 'journal';
  return [
    [[{ pane: 'nodes', width: columns, height: nodes }]],
    [[{ pane: 'plan', width: left, height: middle }], [{ pane: 'checklist', width: columns - left, height: middle }]],
    [[{ pane: lower, width: columns, height: height - nodes - middle }]],
  ];
}

function running(state: ConsoleState, view: ViewState, columns: number, height: number): Layout {
  const journal = Math.max(8, Math.floor(height * 0.3));
  const nodes = Math.min(state.cluster.hosts.length + 3, 9);
  const upper = height - journal;
  const left = Math.floor(columns * 0.4);
  const lower =
    view.focus === 'backups' || view.focus === 'commands' || view.focus === 'checklist' ? view.focus : 'journal';
  return [
    [
      [{ pane: 'plan', width: left, height: upper }],
      [
        { pane: 'nodes', width: columns - left, height: nodes },
        { pane: 'step', width: columns - left, height: upper - nodes },
      ],
    ],
    [[{ pane: lower, width: columns, height: journal }]],
  ];
}

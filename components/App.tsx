import { Box, useInput, usePaste, useStdout, useWindowSize } from 'ink';
import { type ReactNode, useCallback, useEffect } from 'react';
import type { Intents } from '../src/incident/intents.js';
import type { ConsoleState, ConsoleStore } from '../src/store/store.js';
import { initialView, PANES, reduceView, topDialog, type ViewAction, type ViewState } from '../src/store/view.js';
import { Dialogs, dialogKeys } from './Dialogs.js';
import { vacantText } from './dialogs/go-on.js';
import { type DialogInput, freshDialogInput, gateKey } from './dialogs/input.js';
import { Footer } from './Footer.js';
import { Header } from './Header.js';
import { pressName, separatePresses } from './hooks/press.js';
import { useConsole } from './hooks/use-console.js';
import { useLatest } from './hooks/use-latest.js';
import { digitsArePanes } from './keys.js';
import { Lines } from './Lines.js';
import { isSmall, isTooSmall, layout, SMALLEST } from './layout.js';
import { type Line, seg } from './line.js';
import { Pane } from './Pane.js';
import { pressInDialog } from './press-in-dialog.js';
import { pressInPanes } from './press-in-panes.js';
import type { PressTools } from './press-tools.js';

interface Props {
  readonly store: ConsoleStore;
  readonly intents: Intents;
}

const SECRET = { kind: 'secret' } as const;
/** Dialogs in which text is typed. */
const TYPED: ReadonlySet<string> = new Set(['words', 'secret', 'lookup', 'palette']);

/** The whole screen: header, panes or a dialog, footer. It draws the store and sends intents; it knows nothing else. */
export function App({ store, intents }: Props): ReactNode {
  const state = useConsole(store);
  const { columns, rows } = useWindowSize();
  const { stdout } = useStdout();
  const { value: view, get: getView, set: setView } = useLatest<ViewState>(() => initialView);
  const { value: input, get: getInput, set: setInput } = useLatest<DialogInput>(() => freshDialogInput(Date.now()));
  const change = useCallback((action: ViewAction) => setView(reduceView(getView(), action)), [getView, setView]);
  const dialog = state.secretQuestion === undefined ? topDialog(view) : SECRET;
  const kind = dialog?.kind;
  const { attention } = state;
  const gate = attention.kind === 'gate' ? attention.open : undefined;
  const shownGate = gateKey(gate);

  // What is typed belongs to one dialog: another one on top begins empty, and counts its dead time from when it is seen.
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new kind of dialog, another question or another gate is what starts it anew
  useEffect(() => {
    const initial = dialog?.kind === 'words' || dialog?.kind === 'lookup' ? dialog.initial : undefined;
    setInput({ ...freshDialogInput(Date.now(), gate), text: initial ?? '' });
  }, [kind, state.secretQuestion?.id, view.dialogs.length, shownGate, setInput]);

  // A gate that is gone (confirmed, or overtaken by a failure) takes its dialog with it.
  useEffect(() => {
    if (attention.kind !== 'gate') change({ do: 'close-kind', kind: 'gate' });
    if (attention.kind !== 'trouble') change({ do: 'close-kind', kind: 'trouble' });
  }, [attention.kind, change]);
  const resumed = state.resumed;
  useEffect(() => {
    if (resumed !== undefined) change({ do: 'notice', text: resumed });
  }, [resumed, change]);
  const vacant = state.vacant === undefined ? undefined : vacantText(state.vacant);
  useEffect(() => {
    if (vacant !== undefined) change({ do: 'notice', text: vacant });
  }, [vacant, change]);
  const begun = state.incident?.begun === true;
  useEffect(() => {
    if (begun) change({ do: 'place', pane: 'plan', at: -1 });
  }, [begun, change]);
  const ended = state.incident?.ended !== undefined;
  const replaying = state.mode === 'REPLAY';
  useEffect(() => {
    if (ended && !replaying) change({ do: 'open', dialog: { kind: 'done' } });
  }, [ended, replaying, change]);

  const press = useCallback(
    (name: string, pasted = false) => {
      const now = store.getState();
      const tools: PressTools = {
        state: now,
        view: getView(),
        input: getInput(),
        intents,
        change,
        copy: (text: string) => stdout.write(`\u001b]52;c;${Buffer.from(text).toString('base64')}\u0007`),
        setInput,
        columns,
        rows,
        pasted,
        remark: (text: string): void => {
          const latest = getInput();
          setInput({ ...latest, gate: { ...latest.gate, remark: text } });
        },
      };
      const open = now.secretQuestion === undefined ? topDialog(tools.view) : SECRET;
      if (name === 'ctrl-l') stdout.write('\u001b[2J');
      else if (open !== undefined) pressInDialog(open, name, tools);
      else if (!pasted) pressInPanes(name, tools);
    },
    [store, intents, change, getView, getInput, setInput, columns, rows, stdout],
  );

  useInput((characters, key) => {
    const name = pressName(characters, key);
    if (characters.length < 2 || name !== characters) return press(name);
    const open = store.getState().secretQuestion === undefined ? topDialog(getView()) : SECRET;
    // A gate must see that several came at once, and refuses them; everywhere else each counts for itself.
    if (open?.kind === 'gate') press(name);
    else for (const one of separatePresses(characters, TYPED.has(open?.kind ?? ''))) press(one);
  });
  usePaste((text) => press(text, true));

  if (isTooSmall(columns, rows)) {
    return <Lines lines={tooSmall(columns, rows)} />;
  }
  const small = isSmall(columns, rows);
  const body =
    dialog === undefined ? (
      <>
        {small && !view.zoom ? <Lines lines={[tabs(state, view.focus)]} /> : null}
        {layout(state, view, columns, rows).map((row) => (
          <Box key={row.map((column) => column.map((one) => one.pane).join()).join()}>
            {row.map((column) => (
              <Box key={column.map((one) => one.pane).join()} flexDirection="column">
                {column.map((one) => (
                  <Pane key={one.pane} {...one} state={state} view={view} />
                ))}
              </Box>
            ))}
          </Box>
        ))}
      </>
    ) : (
      <Dialogs dialog={dialog} state={state} view={view} input={input} columns={columns} rows={rows - 2} />
    );
  return (
    <Box flexDirection="column" width={columns} height={rows}>
      <Header state={state} width={columns} />
      <Box flexDirection="column" height={rows - 2} overflow="hidden">
        {body}
      </Box>
      <Footer
        state={state}
        view={view}
        width={columns}
        dialogKeys={dialog === undefined ? undefined : dialogKeys(dialog, state)}
      />
    </Box>
  );
}

/** The panes by name, with their digit where it opens them. */
function tabs(state: ConsoleState, focus: (typeof PANES)[number]): Line {
  return PANES.map((pane, index) =>
    seg(digitsArePanes(state) ? ` ${index + 1} ${pane} ` : `  ${pane}  `, pane === focus ? 'accent' : 'dim'),
  );
}

function tooSmall(columns: number, rows: number): Line[] {
  return [
    [
      seg(
        `blackstart needs ${SMALLEST.columns}×${SMALLEST.rows}; this is ${columns}×${rows}.`.slice(0, columns),
        'warn',
      ),
    ],
    [seg('Work goes on; gates wait. q leaves.'.slice(0, columns), 'dim')],
  ];
}

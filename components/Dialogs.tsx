import type { ReactNode } from 'react';
import { needsApproval } from '../src/incident/attention.js';
import { clock } from '../src/incident/times.js';
import type { ConsoleState } from '../src/store/store.js';
import type { ViewState } from '../src/store/view.js';
import { choiceOptions, optionLines } from './dialogs/choose.js';
import { doneLines } from './dialogs/done.js';
import { escalationLines } from './dialogs/escalation.js';
import { gateLines, gateTitle } from './dialogs/gate.js';
import { goOnLines } from './dialogs/go-on.js';
import { handoverLines, paperLines } from './dialogs/handover.js';
import { hostKeyLines } from './dialogs/host-keys.js';
import type { DialogInput } from './dialogs/input.js';
import { journalLineLines } from './dialogs/line.js';
import { lookupLines } from './dialogs/lookup.js';
import { maintenanceLines } from './dialogs/maintenance.js';
import { paletteItems, paletteLines } from './dialogs/palette.js';
import { symptomLines } from './dialogs/symptoms.js';
import { troubleLines } from './dialogs/trouble.js';
import { verificationLines } from './dialogs/verification.js';
import { looksOnly, silentHosts, workingKeys } from './keys.js';
import { type Line, labelled, line, pad, seg } from './line.js';
import { Overlay } from './Overlay.js';
import type { OpenDialog } from './press-tools.js';
import { GLYPH } from './symbols.js';

interface Props {
  readonly dialog: OpenDialog;
  readonly state: ConsoleState;
  readonly view: ViewState;
  readonly input: DialogInput;
  readonly columns: number;
  readonly rows: number;
}

/** The dialog on top. */
export function Dialogs({ dialog, state, view, input, columns, rows }: Props): ReactNode {
  const size = { columns, rows };
  switch (dialog.kind) {
    case 'gate': {
      const { attention } = state;
      const gate = attention.kind === 'gate' ? attention.open : undefined;
      const destroy = gate?.effect === 'destroy';
      return (
        <Overlay
          {...size}
          title={gateTitle(gate)}
          tone={destroy ? 'bad' : 'warn'}
          heavy={destroy}
          lines={(width, height) =>
            gateLines(
              {
                gate,
                checking: attention.kind === 'gate' && attention.checking && gate !== undefined,
                typed: input.gate.typed,
                commands: input.gate.commands,
                remark: input.gate.remark,
                scroll: input.gate.scroll,
                describe: (host) => describeHost(state, host),
                ...(state.mode === 'REPLAY' ? { past: `As it was shown at ${clock(state.now)}` } : {}),
              },
              width,
              height,
            )
          }
        />
      );
    }
    case 'trouble':
      return (
        <Overlay {...size} title="A decision is needed" tone="bad" lines={(width) => troubleLines(state, width)} />
      );
    case 'done':
      return (
        <Overlay
          {...size}
          title={`Run ${state.incident?.runId ?? ''}`}
          tone="good"
          lines={(width, height) => doneLines(state, width, input.remark).slice(input.scroll, input.scroll + height)}
        />
      );
    case 'help':
      return (
        <Overlay
          {...size}
          title="Keys that work now"
          lines={(width, height) => helpLines(state, view, width).slice(input.scroll, input.scroll + height)}
        />
      );
    case 'handover':
      return (
        <Overlay
          {...size}
          title="Handover"
          tone="warn"
          lines={(width, height) => handoverLines(state, width).slice(input.scroll, input.scroll + height)}
        />
      );
    case 'quit':
      return <Overlay {...size} title="Leave?" tone="warn" lines={(width) => quitLines(state, width)} />;
    case 'go-on':
      return <Overlay {...size} title="Go on in their place?" tone="warn" lines={(width) => goOnLines(state, width)} />;
    case 'keys':
      return (
        <Overlay
          {...size}
          title="Host keys nobody has accepted yet"
          tone="warn"
          lines={(width, height) => hostKeyLines(dialog.keys, width, height)}
        />
      );
    case 'choose': {
      const { title, options } = choiceOptions(state, dialog.key);
      return <Overlay {...size} title={title} lines={(width) => optionLines(options, input.cursor, width)} />;
    }
    case 'hosts':
      return (
        <Overlay
          {...size}
          title="Hosts that do not answer"
          tone="warn"
          lines={(width) => hostsLines(state, input, width)}
        />
      );
    case 'symptoms':
      return (
        <Overlay
          {...size}
          title="What is known of this"
          tone="warn"
          lines={(width, height) => symptomLines(state, width).slice(input.scroll, input.scroll + height)}
        />
      );
    case 'palette':
      return (
        <Overlay
          {...size}
          title="Command"
          lines={(width, height) =>
            paletteLines(paletteItems(state, view, input.text), input.text, input.cursor, width, Math.min(height, 18))
          }
        />
      );
    case 'lookup':
      return (
        <Overlay
          {...size}
          title="Look up"
          lines={(width, height) => {
            const [head = [], ...rest] = lookupLines(state, input.text, dialog.found, width);
            return [head, ...rest.slice(input.scroll, input.scroll + height - 1)];
          }}
        />
      );
    case 'escalation':
      return (
        <Overlay
          {...size}
          title="Call for help"
          tone="warn"
          lines={(width, height) => escalationLines(state, width).slice(input.scroll, input.scroll + height)}
        />
      );
    case 'maintenance':
      return (
        <Overlay
          {...size}
          title="Maintenance"
          lines={(width, height) => maintenanceLines(state, input.cursor, width, height)}
        />
      );
    case 'verification':
      return (
        <Overlay
          {...size}
          title="Verification after a restore"
          lines={(width, height) => verificationLines(state, width).slice(input.scroll, input.scroll + height)}
        />
      );
    case 'line':
      return (
        <Overlay
          {...size}
          title="A line of the journal"
          lines={(width, height) =>
            journalLineLines(state, view.journal.filter, dialog.id, width).slice(input.scroll, input.scroll + height)
          }
        />
      );
    case 'words':
      return (
        <Overlay {...size} title="In your words" lines={(width) => wordsLines(dialog.question, input.text, width)} />
      );
    case 'secret':
      return (
        <Overlay
          {...size}
          title="A secret is needed"
          tone="warn"
          lines={(width) => wordsLines(state.secretQuestion?.text ?? '', '•'.repeat([...input.text].length), width)}
        />
      );
  }
}

/** What the footer says while a dialog is open. */
export function dialogKeys(dialog: OpenDialog, state: ConsoleState): string {
  switch (dialog.kind) {
    case 'gate':
      if (state.mode === 'REPLAY') return 'tab commands   up down   esc back';
      if (state.attention.kind === 'gate' && needsApproval(state.attention.open))
        return 'c the second person’s code   b nobody can be reached   esc cancels';
      return state.attention.kind === 'gate' && state.attention.open?.typed === undefined
        ? 'y confirms   tab commands   esc cancels'
        : 'type the name, enter confirms   tab commands   esc cancels';
    case 'trouble':
      return 'press the letter of a choice   esc back';
    case 'done':
      return 'r writes the report   v verification   esc back to the panes   q leaves';
    case 'words':
    case 'secret':
      return 'enter takes it   esc cancels';
    case 'keys':
      return 'y stores them and connects   esc leaves them out for now';
    case 'quit':
      return 'y leaves   H handover   esc stays';
    case 'go-on':
      return 'y goes on   H handover   esc only looks';
    case 'palette':
      return 'type a part of its name   up down   enter does it   esc cancels';
    case 'lookup':
      return 'enter looks it up   up down scroll   ctrl-u clears   esc back';
    case 'escalation':
      return 'y copies the text   w writes it to a file   j k scroll   esc back';
    case 'maintenance':
      return 'j k move   enter ticks an item, with words   esc back';
    case 'verification':
      return 'v runs it again   j k scroll   esc back';
    case 'line':
      return 'y copies   l looks it up   s opens the step of the remedy   j k scroll   esc back';
    default:
      return 'esc back';
  }
}

/** `node-1  10.0.1.11 · machine 3f2c… · K3s v1.35.0+k3s1`. */
function describeHost(state: ConsoleState, name: string): string {
  const host = state.cluster.hosts.find((one) => one.name === name);
  const facts = state.live[name]?.facts;
  if (host === undefined) return 'this machine';
  const known = [
    host.address,
    facts?.machineId === undefined ? '' : `machine ${facts.machineId.slice(0, 4)}…${facts.machineId.slice(-4)}`,
    facts?.service === undefined ? '' : `K3s ${facts.service.version}`,
  ];
  return `${name}  ${known.filter((part) => part !== '').join(' · ')}`;
}

function helpLines(state: ConsoleState, view: ViewState, width: number): Line[] {
  return [
    ...workingKeys(state, view).map((key) =>
      line(
        seg(pad(key.keys, 18), 'accent'),
        seg(key.label),
        seg(key.acts === true ? '  (acts on nodes, behind a gate)' : '', 'dim'),
      ),
    ),
    [],
    ...labelled(
      'gates',
      'A change asks for one key; what destroys asks for a name typed letter by letter. Nothing pasted counts; esc always cancels.',
      width,
      8,
      'dim',
    ),
    ...labelled(
      'signs',
      `${GLYPH.done} done  ${GLYPH.running} running  ${GLYPH.waiting} waiting  ${GLYPH.failed} failed  ${GLYPH.doubt} in doubt  ${GLYPH.skipped} skipped  ${GLYPH.undone} undone  ${GLYPH.change} change  ${GLYPH.destroy} destructive`,
      width,
      8,
      'dim',
    ),
  ];
}

function quitLines(state: ConsoleState, width: number): Line[] {
  const { incident } = state;
  const running =
    incident === undefined ? [] : Object.values(incident.cells).filter((cell) => cell.status === 'running');
  if (state.mode === 'REPLAY') return labelled('', 'This is a replay. y leaves, esc stays.', width, 1);
  if (looksOnly(state))
    return [...labelled('', 'This console only looks: leaving it changes nothing. y leaves, esc stays.', width, 1)];
  if (incident?.begun !== true || incident.ended !== undefined)
    return [...labelled('', 'Nothing is under way. y leaves, esc stays.', width, 1)];
  const what =
    running.length === 0
      ? 'Nothing is under way on the nodes.'
      : `${running.map((cell) => `${cell.step} on ${cell.host}`).join(', ')}: what was begun on a node finishes there without this console.`;
  return [
    ...labelled('', what, width, 1),
    ...labelled(
      '',
      'Nothing new starts. Held servers stay held. Start blackstart again in the same way to go on; every gate is asked anew.',
      width,
      1,
    ),
    ...paperLines(state, width),
    [],
    ...labelled('', 'H shows the handover: how it stands, what is next, what must not be done.', width, 1),
    ...labelled('', 'y leaves, esc stays.', width, 1, 'accent'),
  ];
}

function hostsLines(state: ConsoleState, input: DialogInput, width: number): Line[] {
  const hosts = silentHosts(state);
  return [
    ...labelled(
      '',
      'A server that still runs the old cluster somewhere would make a second cluster beside the restored one. Say of each how you know that it does not.',
      width,
      1,
    ),
    [],
    ...hosts.map((host, index) =>
      line(
        seg(index === input.cursor ? `${GLYPH.cursor} ` : '  ', 'accent'),
        seg(pad(host, 18), index === input.cursor ? 'accent' : 'plain'),
        seg(state.live[host]?.facts.problem?.what ?? '', 'dim'),
      ),
    ),
    [],
    line(
      seg('o  ', 'accent'),
      seg('it is powered off      '),
      seg('l  ', 'accent'),
      seg('leave it out, with a reason'),
    ),
  ];
}

function wordsLines(question: string, text: string, width: number): Line[] {
  return [
    ...labelled('', question, width, 1),
    [],
    line(seg(text.slice(-(width - 2)), 'strong'), seg(GLYPH.block, 'accent')),
  ];
}

import { inertLine } from '../src/base/inert.js';
import { cellKey } from '../src/incident/state.js';
import type { WordsPurpose } from '../src/store/view.js';
import { choiceOptions } from './dialogs/choose.js';
import { escalationText } from './dialogs/escalation.js';
import { pressAtGate, refusedPaste } from './dialogs/gate-input.js';
import { comparableKeys } from './dialogs/host-keys.js';
import { gateKey } from './dialogs/input.js';
import { openStep } from './dialogs/line.js';
import { paletteItems } from './dialogs/palette.js';
import { troubleChoices } from './dialogs/trouble.js';
import { parseFilter } from './journal/filter.js';
import { copyLine, searchOn } from './journal/press.js';
import { looksOnly, silentHosts } from './keys.js';
import { roomInside } from './Overlay.js';
import { run } from './press-in-panes.js';
import { type OpenDialog, openVerification, type PressTools, say } from './press-tools.js';

export function pressInDialog(dialog: OpenDialog, name: string, tools: PressTools): void {
  const { change, intents, state } = tools;
  const close = (): void => change({ do: 'close' });
  switch (dialog.kind) {
    case 'gate':
      return pressGate(name, tools);
    case 'secret':
      return pressWords(
        name,
        tools,
        (text) => intents.giveSecret(state.secretQuestion?.id ?? '', text),
        () => intents.giveSecret(state.secretQuestion?.id ?? '', undefined),
      );
    case 'words':
      return pressWords(name, tools, (text) => finishWords(dialog.purpose, text, tools), close);
    case 'trouble':
      return pressTrouble(name, tools);
    case 'choose': {
      const values = choiceOptions(state, dialog.key).options.map((option) => option.value);
      return pressList(name, tools, values, (value) => {
        say(tools, intents.choose(dialog.key, value));
        close();
      });
    }
    case 'hosts':
      return pressHosts(name, tools);
    case 'keys':
      if (name === 'y') {
        close();
        const { width, height } = roomInside(tools.columns, tools.rows - 2);
        void intents.acceptHostKeys(comparableKeys(dialog.keys, width, height)).then((refused) => say(tools, refused));
      } else if (name === 'escape') close();
      return;
    case 'go-on':
      if (name === 'y') {
        close();
        say(tools, 'Asking whether nobody acts…');
        void intents.goOn?.().then((refused) => say(tools, refused));
      } else if (name === 'H') change({ do: 'open', dialog: { kind: 'handover' } });
      else if (name === 'escape' || name === 'n') close();
      return;
    case 'quit':
      if (name === 'y') intents.leave();
      else if (name === 'H') change({ do: 'open', dialog: { kind: 'handover' } });
      else if (name === 'escape' || name === 'n') close();
      return;
    case 'done':
      if (name === 'q') intents.leave();
      else if (name === 'r')
        void intents.writeReport().then((path) => tools.setInput({ ...tools.input, remark: path }));
      else if (name === 'v') openVerification(tools);
      else if (name === 'escape') close();
      else scroll(name, tools);
      return;
    case 'palette':
      return pressPalette(name, tools);
    case 'lookup':
      if (name === 'up' || name === 'down' || name === 'pageup' || name === 'pagedown') return scroll(name, tools);
      return pressWords(name, tools, (text) => lookUp(text, tools), close);
    case 'escalation':
      if (name === 'y') {
        tools.copy(escalationText(state).join('\n'));
        return say(tools, 'Copied, if this terminal lets programs copy (OSC 52).');
      }
      if (name === 'w') {
        void intents.saveText('escalation', `${escalationText(state).join('\n')}\n`).then((said) => say(tools, said));
        return;
      }
      if (name === 'escape' || name === 'q') return close();
      return scroll(name, tools);
    case 'maintenance':
      return pressList(
        name,
        tools,
        state.maintenance.map((row) => row.id),
        (item) => askMaintenance(item, tools),
      );
    case 'verification':
      if (name === 'v') return say(tools, intents.verify());
      if (name === 'escape' || name === 'q') return close();
      return scroll(name, tools);
    case 'line':
      if (name === 'y') return copyLine(tools);
      if (name === 'l') return lookUpLine(dialog.id, tools);
      if (name === 's') return openStep(dialog.id, tools);
      if (['escape', 'q', 'i', 'return'].includes(name)) return close();
      return scroll(name, tools);
    case 'handover':
    case 'symptoms':
    case 'help':
      if (name === 'escape' || name === '?' || name === 'q' || name === 'i' || name === 'H') close();
      else scroll(name, tools);
  }
}

const LOOKING = new Set(['tab', 'escape', 'up', 'down', 'pageup', 'pagedown']);

function pressGate(name: string, tools: PressTools): void {
  const { state, input, setInput, intents, change } = tools;
  // What is shown of a record cannot be answered.
  if (state.mode === 'REPLAY' && !LOOKING.has(name)) return;
  const { attention } = state;
  const open = attention.kind === 'gate' && !attention.checking ? attention.open : undefined;
  const gate = gateKey(open) === input.drawn ? open : undefined;
  const { input: next, act } =
    tools.pasted === true ? refusedPaste(input.gate) : pressAtGate(input.gate, name, gate, Date.now());
  setInput({ ...input, gate: next });
  if (act === 'cancel') {
    intents.cancelGate();
    change({ do: 'close-kind', kind: 'gate' });
  }
  if (act === 'code' || act === 'break-glass') {
    const question =
      act === 'code'
        ? `The code of ${gate?.approval?.asked.join(' or ')} for ${gate?.approval?.challenge}:`
        : 'Why can this not wait for the second person? Your words stand in the record.';
    const purpose: WordsPurpose = act === 'code' ? { do: 'approve' } : { do: 'break-glass' };
    change({ do: 'open', dialog: { kind: 'words', purpose, question } });
  }
  if (act === 'confirm' && gate !== undefined) {
    void intents.confirmGate(gate.typed === undefined ? undefined : next.typed).then((answer) => {
      if (answer === 'refused' || answer === 'confirmed') change({ do: 'close-kind', kind: 'gate' });
    });
  }
}

/** A refusal is said where the person looks: at the gate. */
function remarkAtGate(tools: PressTools, refused: string | undefined): void {
  if (refused !== undefined) tools.remark(refused);
}

function pressWords(name: string, tools: PressTools, finish: (text: string) => void, cancel: () => void): void {
  const { input, setInput } = tools;
  if (tools.pasted === true) return setInput({ ...input, text: input.text + inertLine(name, 500) });
  if (name === 'escape') return cancel();
  if (name === 'return') return finish(input.text);
  if (name === 'backspace') return setInput({ ...input, text: [...input.text].slice(0, -1).join('') });
  if (name === 'ctrl-u') return setInput({ ...input, text: '' });
  if (/^(ctrl-.|up|down|left|right|tab|shift-tab|pageup|pagedown|home|end)$/.test(name)) return;
  setInput({ ...input, text: (input.text + inertLine(name, 500)).slice(0, 500) });
}

function pressPalette(name: string, tools: PressTools): void {
  const { input, setInput, change, state, view } = tools;
  const items = paletteItems(state, view, input.text);
  if (name === 'up' || name === 'down') {
    const cursor = Math.max(0, Math.min(items.length - 1, input.cursor + (name === 'down' ? 1 : -1)));
    return setInput({ ...input, cursor });
  }
  if (name !== 'return') {
    return pressWords(
      name,
      { ...tools, setInput: (next) => setInput({ ...next, cursor: 0 }) },
      () => {},
      () => change({ do: 'close' }),
    );
  }
  const item = items[Math.min(input.cursor, items.length - 1)];
  if (item === undefined) return;
  change({ do: 'close' });
  if (item.do === 'command') run(item.id, '', { ...tools, view: { ...view, dialogs: [] } });
  else if (item.do === 'pane') change({ do: 'focus', pane: item.pane });
  else change({ do: 'open', dialog: { kind: 'lookup', initial: item.words, found: found(item.words, tools) } });
}

const found = (text: string, { intents }: PressTools) => ({ text, hits: intents.lookup(text) });

/** The same dialog with what was found: what was typed stays to be corrected. */
function lookUp(text: string, tools: PressTools): void {
  if (text.trim() === '') return;
  tools.change({ do: 'close' });
  tools.change({ do: 'open', dialog: { kind: 'lookup', initial: text, found: found(text.trim(), tools) } });
  tools.setInput({ ...tools.input, text, scroll: 0 });
}

function lookUpLine(id: number, tools: PressTools): void {
  const text = tools.state.journal.find((one) => one.id === id)?.text;
  if (text !== undefined)
    tools.change({ do: 'open', dialog: { kind: 'lookup', initial: text, found: found(text, tools) } });
}

function askMaintenance(item: string, { state, change }: PressTools): void {
  if (looksOnly(state)) return;
  const title = state.maintenance.find((row) => row.id === item)?.title ?? item;
  const question = `${title}. What was done? Your words are kept with your name and the time.`;
  change({ do: 'open', dialog: { kind: 'words', purpose: { do: 'maintenance', item }, question } });
}

function finishWords(purpose: WordsPurpose, text: string, tools: PressTools): void {
  const { intents, change } = tools;
  change({ do: 'close' });
  switch (purpose.do) {
    case 'tick':
      return say(tools, intents.tick(purpose.item, text));
    case 'maintenance':
      return say(tools, intents.tickMaintenance(purpose.item, text));
    case 'copy-data':
      return say(tools, text.trim() === '' ? intents.copyData() : intents.tick('current-data', text));
    case 'attest':
      return say(tools, intents.attest(purpose.host, text, purpose.as));
    case 'skip':
      return say(tools, intents.skip(purpose.step, purpose.host, text));
    case 'undo':
      return say(tools, text.trim() === '' ? 'Say why it is undone.' : intents.undo(text));
    case 'search': {
      change({ do: 'search', text: text.trim() });
      return text.trim() === '' ? undefined : searchOn(-1, tools, text.trim());
    }
    case 'filter': {
      const filter = parseFilter(text);
      return typeof filter === 'string' ? say(tools, filter) : change({ do: 'filter', filter });
    }
    case 'approve':
      void intents.approve(text).then((refused) => remarkAtGate(tools, refused));
      return;
    case 'break-glass':
      return remarkAtGate(tools, intents.breakGlass(text));
  }
}

function pressTrouble(name: string, tools: PressTools): void {
  const { state, intents, change } = tools;
  const { attention } = state;
  if (name === 'escape') return change({ do: 'close' });
  if (name === 'i') return change({ do: 'open', dialog: { kind: 'symptoms' } });
  if (name === 'C') return change({ do: 'open', dialog: { kind: 'escalation' } });
  if (attention.kind !== 'trouble' || !troubleChoices(state).some((choice) => choice.key === name)) return;
  const { step, host } = attention;
  change({ do: 'close' });
  const answers = { w: 'wait', g: 'give-up', r: 'retry', a: 'look-again' } as const;
  const { offer } = state.incident?.cells[cellKey(step, host)]?.trouble ?? {};
  if (name === 'n' && offer !== undefined) return say(tools, intents.choose(offer.key, offer.value));
  if (name in answers) return say(tools, intents.answer(step, host, answers[name as keyof typeof answers]));
  if (name === 'l') return change({ do: 'focus', pane: 'journal' });
  if (name === 's')
    return change({
      do: 'open',
      dialog: {
        kind: 'words',
        purpose: { do: 'skip', step, host },
        question: 'Why is this step skipped? It stands in the report.',
      },
    });
  if (name === 'u')
    return change({
      do: 'open',
      dialog: { kind: 'words', purpose: { do: 'undo' }, question: 'Why is it undone? It stands in the report.' },
    });
  if (name === 'p') return change({ do: 'open', dialog: { kind: 'choose', key: 'primary' } });
  if (name === 'h') {
    const to = state.incident?.cells[cellKey(step, host)]?.trouble?.handOver;
    return to === undefined ? undefined : say(tools, intents.chooseScenario(to));
  }
  if (name === 'x') say(tools, intents.stop());
}

function pressHosts(name: string, tools: PressTools): void {
  const hosts = silentHosts(tools.state);
  const host = hosts[tools.input.cursor];
  if ((name === 'o' || name === 'l') && host !== undefined) {
    const as = name === 'o' ? 'off' : 'left-out';
    const question =
      as === 'off'
        ? `How do you know that ${host} is powered off? Your words stand in the record.`
        : `Why is ${host} left out? It must not come back before it is held.`;
    tools.change({ do: 'close' });
    return tools.change({ do: 'open', dialog: { kind: 'words', purpose: { do: 'attest', host, as }, question } });
  }
  pressList(name, tools, hosts, () => tools.setInput({ ...tools.input, remark: 'o: it is off    l: leave it out' }));
}

function pressList(name: string, tools: PressTools, items: readonly string[], take: (item: string) => void): void {
  const { input, setInput, change } = tools;
  const item = items[input.cursor];
  if (name === 'escape') change({ do: 'close' });
  else if (name === 'return' && item !== undefined) take(item);
  else if (name === 'down' || name === 'j')
    setInput({ ...input, cursor: Math.min(items.length - 1, input.cursor + 1) });
  else if (name === 'up' || name === 'k') setInput({ ...input, cursor: Math.max(0, input.cursor - 1) });
}

function scroll(name: string, tools: PressTools): void {
  const by = { down: 1, j: 1, up: -1, k: -1, pagedown: 10, pageup: -10 }[name];
  if (by !== undefined) tools.setInput({ ...tools.input, scroll: Math.max(0, tools.input.scroll + by) });
}

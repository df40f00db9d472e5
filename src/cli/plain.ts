import { createInterface, type Interface } from 'node:readline';
import { quotedForPeople } from '../../components/command-text.js';
import { doneLines } from '../../components/dialogs/done.js';
import { escalationLines } from '../../components/dialogs/escalation.js';
import { gateLines } from '../../components/dialogs/gate.js';
import { lookupLines } from '../../components/dialogs/lookup.js';
import { maintenanceLines } from '../../components/dialogs/maintenance.js';
import { troubleChoices, troubleFacts } from '../../components/dialogs/trouble.js';
import { verificationLines } from '../../components/dialogs/verification.js';
import { parseFilter } from '../../components/journal/filter.js';
import { journalRows } from '../../components/journal/rows.js';
import { type Line, lineText } from '../../components/line.js';
import { plainLine } from '../../components/panes/journal.js';
import { type GateView, needsApproval } from '../incident/attention.js';
import { handoverOf, handoverText } from '../incident/handover.js';
import type { UnknownKey } from '../incident/host-key.js';
import type { Intents, Result } from '../incident/intents.js';
import { findStep } from '../incident/plan.js';
import { cellKey, cellSpan, contextOf, isSettled } from '../incident/state.js';
import { HERE } from '../incident/step.js';
import { duration } from '../incident/times.js';
import { verificationSummary } from '../incident/verification.js';
import type { Session } from './session.js';

/** The same run as a dialogue of plain lines: for a screen reader, a serial line, a log. Everything the screen can do is a word here. */

const WIDTH = 100;
/** A line that was typed before a gate had been read this long is not an answer to it. */
const DEAD_TIME_MS = 500;

const HELP = [
  'status              what is seen of every host, and what fits',
  'scenario ID         choose a scenario, e.g. scenario full-restore',
  'backups             the catalogue; snapshot NAME chooses one',
  'primary HOST        server to restore on, or whose data is kept; target HOST, way WAY for a single server. Without a word: what there is',
  'checklist           the pre-restore checklist; tick ITEM WORDS gives your word',
  'attest HOST off WORDS | attest HOST out WORDS',
  'begin               begin the plan; gates follow',
  'plan                the plan with its progress',
  'gate                open the gate that waits; then type what it asks for',
  'gone [keep|delete]  Nodes without a host, while the plan runs',
  'look-again | retry | wait | give-up | skip WORDS    when a decision is needed',
  'next                take the next best backup, where one is offered',
  'go-on               go on as another scenario, where that is offered',
  'undo WORDS          put everything back, behind a gate',
  'keys                host keys nobody has accepted; accept stores them',
  'journal [FILTER]    the last lines of all journals; e.g. journal node:cp1 level:error',
  'lookup WORDS        what a line, an id or some words mean',
  'verify              run the verification after a restore; verification shows it again',
  'maintenance         the maintenance lists; done ITEM WORDS ticks one',
  'escalate            whom to call, and what to tell them',
  'copy-data           copy the etcd data of every server to this machine',
  'handover            how it stands, what is in doubt, what is next, what must not be done',
  'report              write the report',
  'quit                leave; what runs on nodes goes on',
];

export class PlainConsole {
  readonly #session: Session;
  readonly #intents: Intents;
  readonly #say: (text: string) => void;
  readonly #lines: Interface;
  readonly #told = new Set<string>();
  /** Host keys as they were said last: `accept` means these, whoever shows another meanwhile. */
  #keysRead: readonly UnknownKey[] = [];
  #gate: { typed: string | undefined; shownAt: number } | undefined;

  constructor(session: Session, intents: Intents, say: (text: string) => void) {
    this.#session = session;
    this.#intents = intents;
    this.#say = say;
    this.#lines = createInterface({ input: process.stdin, terminal: false });
  }

  /** Runs until the person quits or the input ends. */
  async run(leave: Promise<void>): Promise<void> {
    const { runner, store } = this.#session;
    const unlisten = runner.listen(() => this.#news());
    const unsubscribe = store.subscribe(() => this.#news());
    this.#say(
      `blackstart, plain. Cluster ${this.#session.cluster.name}, ${store.getState().mode}. Type help for the words, quit to leave.`,
    );
    const reading = (async () => {
      for await (const text of this.#lines) {
        if (text.trim() === 'quit') return;
        await this.#answer(text.trim());
      }
    })();
    await Promise.race([reading, leave]);
    this.#lines.close();
    unlisten();
    unsubscribe();
  }

  async #answer(text: string): Promise<void> {
    const question = this.#session.store.getState().secretQuestion;
    if (question !== undefined) return this.#intents.giveSecret(question.id, text);
    if (this.#gate !== undefined) return this.#answerGate(text);
    const [word = '', ...rest] = text.split(/\s+/);
    const words = rest.join(' ');
    if (word === '') return;
    const result = await this.#command(word, rest, words);
    if (result !== undefined) this.#say(result);
  }

  async #command(word: string, rest: readonly string[], words: string): Promise<Result> {
    const intents = this.#intents;
    const state = this.#session.store.getState();
    const { attention } = this.#session.runner;
    switch (word) {
      case 'help':
        return HELP.join('\n');
      case 'status':
        return this.#status();
      case 'scenario':
        return intents.chooseScenario(words) ?? 'Chosen.';
      case 'backups':
        return state.backups.state === 'listed'
          ? state.backups.rows.map((row) => row.name).join('\n')
          : state.backups.state === 'failed'
            ? `${state.backups.what} ${state.backups.next}`
            : 'being read';
      case 'snapshot':
        return intents.choose('snapshot', words) ?? 'Being fetched and proven.';
      case 'primary':
      case 'target':
      case 'way':
      case 'gone':
        return words === '' ? this.#options(word) : (intents.choose(word, words) ?? 'Chosen.');
      case 'checklist':
        return state.checklist.map((row) => `${row.status}: ${row.title} (${row.id}): ${row.evidence}`).join('\n');
      case 'tick':
        return intents.tick(rest[0] ?? '', rest.slice(1).join(' ')) ?? 'Noted.';
      case 'attest':
        return (
          intents.attest(rest[0] ?? '', rest.slice(2).join(' '), rest[1] === 'off' ? 'off' : 'left-out') ?? 'Noted.'
        );
      case 'begin':
        return intents.begin();
      case 'plan':
        return this.#plan();
      case 'gate':
        return this.#openGate();
      case 'undo':
        return intents.undo(words === '' ? 'no reason given' : words);
      case 'keys':
        this.#keysRead = state.unknownKeys;
        return (
          state.unknownKeys.map((key) => `${key.host} ${key.address} ${key.type} ${key.fingerprint}`).join('\n') ||
          'None.'
        );
      case 'accept':
        if (this.#keysRead.length === 0) return 'Nothing was compared yet. Type keys, and read them.';
        return intents.acceptHostKeys(this.#keysRead);
      case 'journal':
        return this.#journal(words);
      case 'lookup':
        this.#print(lookupLines(state, words, { text: words, hits: intents.lookup(words) }, WIDTH).slice(2));
        return undefined;
      case 'verify':
        return intents.verify() ?? 'The cluster is being asked.';
      case 'verification':
        this.#print(verificationLines(state, WIDTH));
        return undefined;
      case 'maintenance':
        this.#print(maintenanceLines(state, -1, WIDTH, 200));
        return undefined;
      case 'done':
        return intents.tickMaintenance(rest[0] ?? '', rest.slice(1).join(' ')) ?? 'Noted.';
      case 'escalate':
        this.#print(escalationLines(state, WIDTH));
        return undefined;
      case 'copy-data':
        return intents.copyData() ?? 'Being copied; checklist shows how far it is.';
      case 'handover':
        return handoverText(handoverOf(this.#session.runner.chosen, this.#session.runner.state)).join('\n');
      case 'report':
        return intents.writeReport();
    }
    if (attention.kind === 'trouble' && ['look-again', 'retry', 'wait', 'give-up'].includes(word)) {
      return intents.answer(attention.step, attention.host, word as 'retry');
    }
    if (attention.kind === 'trouble' && word === 'next') {
      const { offer } = this.#session.runner.state.cells[cellKey(attention.step, attention.host)]?.trouble ?? {};
      return offer === undefined ? 'There is nothing to take instead.' : intents.choose(offer.key, offer.value);
    }
    if (attention.kind === 'trouble' && word === 'go-on') {
      const { handOver } = this.#session.runner.state.cells[cellKey(attention.step, attention.host)]?.trouble ?? {};
      return handOver === undefined ? 'There is no other scenario to go on as.' : intents.chooseScenario(handOver);
    }
    if (attention.kind === 'trouble' && word === 'skip') return intents.skip(attention.step, attention.host, words);
    return `I do not know "${word}". Type help.`;
  }

  async #openGate(): Promise<Result> {
    this.#say('Asking the hosts how things stand now…');
    const refused = await this.#intents.openGate();
    if (refused !== undefined) return refused;
    const { attention } = this.#session.runner;
    const open = attention.kind === 'gate' ? attention.open : undefined;
    if (open === undefined) return 'The gate is gone.';
    const lines = gateLines(
      {
        gate: open,
        checking: false,
        typed: '',
        commands: false,
        remark: undefined,
        scroll: 0,
        describe: (host) => host,
      },
      WIDTH,
      200,
    );
    this.#say(`${open.effect === 'destroy' ? 'DESTRUCTIVE' : 'CHANGE'}: ${open.title}`);
    this.#print(lines.slice(0, -1));
    for (const { host, command } of open.commands) this.#say(`  ${host}$ ${quotedForPeople(command)}`);
    if (open.facts.some((fact) => !fact.ok)) {
      this.#intents.cancelGate();
      return 'This gate is closed until what is marked above is put right.';
    }
    this.#gate = { typed: open.typed, shownAt: Date.now() };
    if (needsApproval(open))
      return `Tell ${open.approval?.asked.join(' or ')} what this destroys, and this challenge: ${open.approval?.challenge}. Type code and their code, or break-glass and why it cannot wait; anything else cancels.`;
    return this.#toType(open);
  }

  #toType(open: GateView): string {
    return open.typed === undefined
      ? 'Type yes to do it, anything else cancels.'
      : `Type ${open.typed} to go on, anything else cancels.`;
  }

  async #answerGate(text: string): Promise<void> {
    const gate = this.#gate;
    if (gate === undefined) return;
    if (Date.now() - gate.shownAt < DEAD_TIME_MS) return this.#say('Too soon: read it first. Nothing was taken.');
    const { attention } = this.#session.runner;
    const open = attention.kind === 'gate' ? attention.open : undefined;
    if (open !== undefined && needsApproval(open) && /^(code|break-glass) /.test(text)) {
      const words = text.slice(text.indexOf(' ') + 1);
      const refused = text.startsWith('code ') ? await this.#intents.approve(words) : this.#intents.breakGlass(words);
      this.#gate = { ...gate, shownAt: Date.now() };
      return this.#say(refused ?? this.#toType(open));
    }
    this.#gate = undefined;
    if (text !== (gate.typed ?? 'yes')) {
      this.#intents.cancelGate();
      return this.#say('Cancelled. Nothing was done.');
    }
    const answer = await this.#intents.confirmGate(gate.typed);
    this.#say(
      answer === 'confirmed'
        ? 'Confirmed.'
        : answer === 'changed'
          ? 'Something changed since you read it. Type gate to read it again.'
          : 'Not confirmed. Type gate to see why.',
    );
  }

  /** The last rows that pass a filter, as text. */
  #journal(typed: string): Result {
    const filter = parseFilter(typed);
    if (typeof filter === 'string') return filter;
    const { rows, problem } = journalRows(this.#session.store.getState().journal, filter);
    const lines = rows
      .slice(-20)
      .map(
        ({ line, count }) =>
          `${plainLine(line)}${count === 1 ? '' : ` (${count} times)`}${line.symptoms[0] === undefined ? '' : ` [lookup ${line.symptoms[0]}]`}`,
      );
    return problem ?? (lines.length === 0 ? 'No line passes.' : lines.join('\n'));
  }

  #status(): string {
    const { triage, missing, live } = this.#session.store.getState();
    const hosts = this.#session.cluster.hosts.map((host) => {
      const facts = live[host.name]?.facts;
      const unit = facts?.service?.unit;
      const k3s = unit === undefined ? 'no K3s seen' : unit.crashLoop ? 'K3s crash-loops' : `K3s ${unit.active}`;
      return `${host.name}: ${facts === undefined ? 'not seen yet' : facts.reachable ? `${k3s}${facts.held === true ? ', held' : ''}` : (facts.problem?.what ?? 'no answer')}`;
    });
    const options = triage.options.map(
      (option) => `${option.id}: ${option.recommended ? 'recommended' : (option.against ?? 'possible')}`,
    );
    return [triage.word, ...triage.evidence, ...hosts, ...options, ...missing.map((text) => `missing: ${text}`)].join(
      '\n',
    );
  }

  /** What there is to choose from. */
  #options(key: 'primary' | 'target' | 'way' | 'gone'): string {
    const { scenario, state } = this.#session.runner;
    const asked = scenario?.asks.find((one) => one.key === key);
    if (asked === undefined) return 'There is nothing to choose there.';
    const options = asked.options(contextOf(state, HERE, 1, true));
    return [asked.title, ...options.map((one) => `  ${one.value}  ${one.says}`.trimEnd())].join('\n');
  }

  #plan(): string {
    return this.#session.store
      .getState()
      .plan.flatMap((phase) => phase.steps)
      .map(
        ({ step, number, hosts }) =>
          `${number}. ${step.title}: ${hosts.filter((one) => isSettled(one.cell)).length} of ${hosts.length}`,
      )
      .join('\n');
  }

  /** Tells what changed since the last word, each thing once. */
  #news(): void {
    const { runner, store } = this.#session;
    const { state, attention, scenario } = runner;
    for (const cell of Object.values(state.cells)) {
      if (cell.endedAt === undefined) continue;
      const title = scenario === undefined ? cell.step : (findStep(scenario, cell.step)?.title ?? cell.step);
      const span = cellSpan(cell, cell.endedAt);
      this.#once(
        `${cell.step}@${cell.host}#${cell.attempt}:${cell.status}`,
        `${cell.status}: ${title} on ${cell.host}${span === undefined ? '' : ` in ${duration(span)}`}. ${cell.trouble?.what ?? cell.evidence.join('; ')}`,
      );
    }
    const { unknownKeys, secretQuestion, warning } = store.getState();
    if (unknownKeys.length > 0)
      this.#once(
        `keys ${unknownKeys.map((key) => key.fingerprint).join()}`,
        `${unknownKeys.length} hosts show keys nobody has accepted. Type keys, then accept.`,
      );
    if (secretQuestion !== undefined)
      this.#once(
        `secret ${secretQuestion.id}`,
        `${secretQuestion.text}: type it and press enter; this terminal shows what you type.`,
      );
    if (warning !== undefined) this.#once(`warning ${warning}`, `! ${warning}`);
    if (attention.kind === 'gate' && !attention.checking)
      this.#once(
        `gate ${attention.gate} ${state.gatesVoidBefore} ${state.lastSeq}`.replace(/ \d+$/, ''),
        'A gate waits. Type gate to read it.',
      );
    if (attention.kind === 'trouble') {
      const key = `trouble ${attention.step} ${attention.host} ${state.cells[`${attention.step}@${attention.host}`]?.attempt} ${attention.why}`;
      if (!this.#told.has(key)) {
        this.#print(troubleFacts(store.getState(), WIDTH));
        this.#once(
          key,
          `Choices: ${troubleChoices(store.getState())
            .map((choice) => choice.label.replaceAll(' ', '-'))
            .join(', ')}.`,
        );
      }
    }
    const found = state.verification;
    if (found !== undefined && !this.#told.has(`verified ${found.at}`)) {
      this.#told.add(`verified ${found.at}`);
      this.#say(`Verification: ${verificationSummary(found)}. Type verification to see it.`);
    }
    if (state.ended !== undefined && !this.#told.has('ended')) {
      this.#told.add('ended');
      this.#session.refresh.now();
      this.#print(doneLines(store.getState(), WIDTH, undefined));
    }
  }

  #once(key: string, text: string): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#say(text);
  }

  #print(lines: readonly Line[]): void {
    for (const one of lines) this.#say(lineText(one).trimEnd());
  }
}

import { rmSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { type Backup, Spool, suggested } from '../backups/index.js';
import { systemClock } from '../base/clock.js';
import { EXIT, ProblemError, toProblem } from '../base/problem.js';
import { surveyHost } from '../cluster/survey.js';
import { watchCluster } from '../cluster/watch.js';
import { type Cluster, type ClusterHost, hostOf } from '../incident/cluster.js';
import type { HostFacts } from '../incident/facts.js';
import { planOf } from '../incident/plan.js';
import { contextOf } from '../incident/state.js';
import { HERE } from '../incident/step.js';
import type { Inventory } from '../inventory/types.js';
import { followJournals } from '../journal/follow.js';
import { RunRecord } from '../record/record.js';
import { newRunId, recordPath, unfinishedRun } from '../record/runs.js';
import { type Hosts, openHosts } from '../remote/hosts.js';
import { Runner } from '../runner/runner.js';
import { addJournal, type ConsoleState, type ConsoleStore, createConsoleStore, noteLook } from '../store/store.js';
import { Asking } from './asking.js';
import { BackupDesk } from './backup-desk.js';
import type { Listing } from './backup-sources.js';
import { clusterOf } from './cluster-of.js';
import { hostsPort } from './hosts-port.js';
import { Ledger } from './ledger.js';
import { spoolDir, statePlace } from './places.js';
import { rootCommands } from './root-commands.js';
import { SecretBook } from './secret-book.js';
import { Secrets } from './secrets.js';
import { entriesFor, matchSymptoms } from './symptoms.js';
import { findTokens } from './tokens.js';
import { VERSION } from './version.js';
import { backupsView, checklistView, scenarios, suggestPrimary, triageView } from './views.js';

export interface SessionOptions {
  readonly inventory: Inventory;
  /** Directory of records and spool. */
  readonly state: string;
  readonly observe: boolean;
  /** Whether a person can be asked for secrets. */
  readonly interactive: boolean;
  /** Begin anew even where an unfinished run of this cluster is recorded. */
  readonly fresh?: boolean;
}

/** Between two looks at a host: often enough to follow a step, seldom enough to load nobody. */
const LOOK_MS = 3_000;
const FULL_LOOK_MS = 60_000;
const SUDO_MS = 20_000;

/**
 * One incident, wired together: hosts, record, runner, probes, journals and the store they all write to.
 * The only place where concrete parts meet; it decides nothing.
 */
export class Session {
  readonly store: ConsoleStore;
  readonly asking: Asking;
  readonly hosts: Hosts;
  readonly runner: Runner;
  readonly record: RunRecord;
  readonly desk: BackupDesk;
  readonly cluster: Cluster;
  readonly recordFile: string;
  readonly inventoryFile: string;
  readonly #options: SessionOptions;
  readonly #abort = new AbortController();
  readonly #work: Promise<unknown>[] = [];
  #backups: readonly Backup[] | undefined;
  readonly #looks = new Map<string, { facts: HostFacts; fullAt: number }>();
  #refreshing = false;
  /** What sudo on the hosts would refuse of the plan. */
  #sudoRefuses: readonly string[] = [];
  #sudoAsked = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { inventory } = options;
    this.cluster = clusterOf(inventory);
    this.inventoryFile = inventory.file;
    const mode: ConsoleState['mode'] = options.observe ? 'OBSERVE' : inventory.drill ? 'DRILL' : 'LIVE';
    this.store = createConsoleStore(this.cluster, mode, systemClock.now());
    const { instead } = statePlace();
    if (instead !== undefined) this.#warn(instead);
    this.store.setState({ entries: entriesFor(this.cluster) });
    this.asking = new Asking(this.store);
    const book = new SecretBook();
    const ask = options.interactive ? this.asking.ask : undefined;
    const secrets = new Secrets(inventory, book, ask, (text) => this.#warn(text));
    this.hosts = openHosts(inventory, { warn: (text) => this.#warn(text), ...(ask === undefined ? {} : { ask }) });
    this.desk = new BackupDesk({
      inventory,
      secrets,
      spool: spoolDir(options.state),
      hosts: (name) => this.hosts.get(name),
      findTokens: (signal) => findTokens((name) => this.hosts.get(name), this.cluster, book, signal),
      // A drill is a cluster of its own each time: nothing of it is worth remembering.
      ...(inventory.drill ? {} : { ledger: new Ledger(options.state, inventory.cluster) }),
    });
    const opened = this.#openRun(book);
    this.record = opened.record;
    this.runner = opened.runner;
    this.recordFile = opened.file;
    this.runner.listen((_state, event) => {
      if (event?.type === 'host-came-back') this.#warn(`${event.host} answers again: it takes part, and is held first`);
      this.#refresh();
    });
    this.#follow(book);
  }

  /** Runs until `close`: probes, journals, catalogue, the clock of the screen. */
  start(): void {
    const { signal } = this.#abort;
    this.#work.push(
      watchCluster({
        hosts: this.cluster.hosts,
        clock: systemClock,
        signal,
        everyMs: () => LOOK_MS,
        look: (host) => this.#look(host, signal),
        onLook: (host, facts, changed) => {
          noteLook(this.store, host, facts, changed, systemClock.now());
          if (changed) this.runner.seen(host, facts);
          this.#showUnknownKeys();
          this.#refresh();
        },
      }),
      this.listBackups(),
      this.#tick(),
    );
    this.#refresh();
  }

  /** Reads the catalogue into the store. */
  async listBackups(): Promise<void> {
    this.store.setState({ backups: { state: 'loading' } });
    try {
      // What bucket and folder hold is shown while servers may still be silent.
      this.#show(await this.desk.list(this.#abort.signal, { onOutside: (listing) => this.#show(listing) }));
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      const problem = toProblem(error);
      this.store.setState({ backups: { state: 'failed', what: problem.what, next: problem.next } });
    }
    this.#refresh();
  }

  #show({ backups, remarks }: Listing): void {
    this.#backups = backups;
    this.store.setState({ backups: backupsView(backups, systemClock.now(), remarks) });
    this.#refresh();
  }

  /** Choices nobody has made yet, made as one would: the best server, the newest backup. */
  suggestChoices(): void {
    const { choices } = this.runner.state;
    const context = contextOf(this.runner.state, HERE, 1, true);
    const primary = choices.primary ?? suggestPrimary(context);
    if (primary !== undefined && choices.primary === undefined) this.runner.choose('primary', primary);
    const newest = suggested(this.#backups ?? [])?.id;
    if (choices.snapshot === undefined && newest !== undefined) this.runner.choose('snapshot', newest);
  }

  /** Asks sudo on every host whether it would run what the plan sends there; what it refuses is missing before the plan may begin. */
  async checkSudo(): Promise<void> {
    const { scenario, state } = this.runner;
    if (scenario === undefined) return;
    // A host that does not answer is no answer about sudo; one that hangs must not hold up the rest.
    const wanted = [...rootCommands(scenario, state)].filter(([name]) => state.facts[name]?.reachable === true);
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(SUDO_MS)]);
    this.#sudoAsked += 1;
    const refused = await Promise.all(
      wanted.map(async ([name, argvs]) => {
        const no = await this.hosts
          .get(name)
          .refusedByRoot(argvs, signal)
          .catch(() => []);
        const programs = [...new Set(no.map((argv) => argv[0] ?? ''))];
        return programs.length === 0
          ? []
          : [
              `sudo on ${name} would not run ${programs.join(', ')}: allow it in its sudoers (or install it), then choose the scenario again.`,
            ];
      }),
    );
    this.#sudoRefuses = refused.flat();
    this.#sudoAsked -= 1;
    this.#refresh();
  }

  /** Sudo is still being asked: what it will say is not known yet. */
  get askingSudo(): boolean {
    return this.#sudoAsked > 0;
  }

  /** Why the plan may not begin although the scenario itself has all it needs. */
  get sudoRefuses(): readonly string[] {
    return this.#sudoRefuses;
  }

  checklistSeen(): Parameters<typeof checklistView>[0] {
    const { backups } = this.store.getState();
    return {
      state: this.runner.state,
      context: contextOf(this.runner.state, HERE, 1, true),
      backups: this.#backups?.length,
      backupsProblem: backups.state === 'failed' ? backups.what : undefined,
    };
  }

  /** A full look once a minute, else only at what changes by itself. */
  async #look(host: ClusterHost, signal: AbortSignal): Promise<HostFacts> {
    const last = this.#looks.get(host.name);
    const known = last !== undefined && systemClock.now() - last.fullAt < FULL_LOOK_MS ? last : undefined;
    const facts = await surveyHost(this.hosts.get(host.name), host, signal, known?.facts);
    this.#looks.set(host.name, { facts, fullAt: facts.reachable ? (known?.fullAt ?? systemClock.now()) : 0 });
    return facts;
  }

  /** Looks at one host again at once, for an intent that waits for it. */
  async lookAt(host: string): Promise<void> {
    const facts = await surveyHost(this.hosts.get(host), hostOf(this.cluster, host), this.#abort.signal);
    noteLook(this.store, host, facts, true, systemClock.now());
    this.runner.seen(host, facts);
  }

  /** Lets go of everything; what runs on nodes goes on. A run in which nothing was begun leaves no record. */
  async close(): Promise<void> {
    this.#abort.abort(new Error('closing'));
    this.asking.cancelAll();
    await this.runner.close();
    await this.desk.close();
    await this.hosts.closeAll();
    await Promise.allSettled(this.#work);
    const { begun, ended } = this.runner.state;
    this.record.close();
    if (!begun) for (const suffix of ['', '-wal', '-shm']) rmSync(this.recordFile + suffix, { force: true });
    // The spool is kept only for a run that can be resumed.
    if (!begun || ended !== undefined) rmSync(spoolDir(this.#options.state), { recursive: true, force: true });
  }

  #openRun(book: SecretBook): { record: RunRecord; runner: Runner; file: string } {
    const { state, observe, inventory } = this.#options;
    const found = this.#options.fresh === true || observe ? undefined : unfinishedRun(state, this.cluster.name);
    const runId = found?.id ?? newRunId(systemClock.now());
    const file = recordPath(state, runId);
    const { record, events } = RunRecord.open(file, systemClock);
    const ports = {
      clock: systemClock,
      record,
      tasks: this.desk,
      redact: book.redact,
      hosts: hostsPort({
        host: (name) => this.hosts.get(name),
        mono: () => systemClock.mono(),
        token: () => this.desk.provenToken(this.#provenHash()),
      }),
    };
    const runnerOptions = { scenarios, ports, observe };
    const who = { operator: userInfo().username, machine: hostname(), version: VERSION };
    if (found !== undefined) {
      const runner = Runner.resume(runnerOptions, events, { type: 'run-resumed', ...who });
      this.store.setState({ resumed: `Run ${runId} goes on: it was open when the console ended.` });
      return { record, runner, file };
    }
    const runner = Runner.open(runnerOptions, {
      type: 'run-opened',
      runId,
      cluster: this.cluster,
      mode: inventory.drill ? 'drill' : 'live',
      ...who,
    });
    return { record, runner, file };
  }

  #provenHash(): string {
    const hash = this.runner.state.cells[`fetch@${HERE}`]?.learned.tokenHash;
    if (typeof hash === 'string') return hash;
    throw new ProblemError(
      { id: 'not-proven', what: 'No backup has been proven yet.', next: 'Choose a backup: b.' },
      EXIT.no,
    );
  }

  #follow(book: SecretBook): void {
    const hosts = this.cluster.hosts.map((host) => ({ host: this.hosts.get(host.name), service: host.service }));
    this.#work.push(
      followJournals({
        hosts,
        clock: systemClock,
        signal: this.#abort.signal,
        redact: book.redact,
        match: matchSymptoms,
        onLines: (lines) => addJournal(this.store, lines),
      }),
    );
  }

  async #tick(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      this.store.setState({ now: systemClock.now() });
      await systemClock.sleep(1_000, this.#abort.signal).catch(() => undefined);
    }
  }

  #showUnknownKeys(): void {
    const keys = this.hosts.unknownKeys().map((key) => ({
      host: key.host,
      address: key.keyName,
      type: key.type,
      fingerprint: key.fingerprint,
    }));
    if (JSON.stringify(keys) !== JSON.stringify(this.store.getState().unknownKeys))
      this.store.setState({ unknownKeys: keys });
  }

  /** The practice cluster is a process that ends by itself; its hosts then refuse every connection. */
  #practiceGone(): boolean {
    const { live } = this.store.getState();
    const hosts = Object.values(live);
    return (
      this.cluster.drill &&
      hosts.length === this.cluster.hosts.length &&
      hosts.every((one) => one.facts.problem?.id === 'host-unreachable')
    );
  }

  #warn(text: string): void {
    this.store.setState({ warning: text });
  }

  /** Many events in one moment become one redraw. */
  #refresh(): void {
    if (this.#refreshing) return;
    this.#refreshing = true;
    setImmediate(() => {
      this.#refreshing = false;
      this.refreshNow();
    });
  }

  refreshNow(): void {
    const { runner } = this;
    const scenario = runner.scenario;
    const trouble = this.record.trouble;
    this.store.setState({
      incident: runner.state,
      scenario,
      plan: scenario === undefined ? [] : planOf(scenario, runner.state),
      missing: [...(scenario?.missing(contextOf(runner.state, HERE, 1, true)) ?? []), ...this.#sudoRefuses],
      attention: runner.attention,
      progress: new Map(runner.progress),
      triage: triageView(this.cluster, runner.state.facts),
      checklist: checklistView(this.checklistSeen()),
      ...(trouble === undefined ? {} : { warning: trouble }),
      ...(this.#practiceGone()
        ? { warning: 'this practice cluster is gone, its state was memory only: blackstart drill' }
        : {}),
    });
  }
}

/** Removes what earlier runs of this program left in the spool. */
export const cleanSpool = async (state: string): Promise<void> => {
  await Spool.open(spoolDir(state));
};

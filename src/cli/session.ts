import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { isApproval } from '../base/approval.js';
import { systemClock } from '../base/clock.js';
import { EXIT, ProblemError, toProblem } from '../base/problem.js';
import type { Cluster } from '../incident/cluster.js';
import type { HostFacts } from '../incident/facts.js';
import { contextOf } from '../incident/state.js';
import { HERE } from '../incident/step.js';
import type { Inventory } from '../inventory/types.js';
import { followJournals } from '../journal/follow.js';
import { JournalSpool, removeJournals, spoolBeside } from '../journal/spool.js';
import { removeRecord } from '../record/database.js';
import type { RunRecord } from '../record/record.js';
import { type Hosts, openHosts } from '../remote/hosts.js';
import type { HostsPort } from '../runner/ports.js';
import type { Previous } from '../runner/right.js';
import { Refused, type Runner } from '../runner/runner.js';
import { addJournal, type ConsoleState, type ConsoleStore, createConsoleStore, noteLook } from '../store/store.js';
import { Acting } from './acting.js';
import { Asking } from './asking.js';
import { BackupDesk } from './backup-desk.js';
import { Before } from './before.js';
import { Catalogue } from './catalogue.js';
import { clusterOf } from './cluster-of.js';
import { DataReads } from './data-reads.js';
import { DrillBook } from './drill-book.js';
import { hostsPort } from './hosts-port.js';
import { InstallDesk } from './install-desk.js';
import { Ledger } from './ledger.js';
import { Looks } from './looks.js';
import { Maintenance } from './maintenance.js';
import { type Opening, openRecord, openRun } from './open-run.js';
import { statePlace } from './places.js';
import type { Rebuilt } from './rebuild.js';
import { Refresh } from './refresh.js';
import { SecretBook } from './secret-book.js';
import { Secrets } from './secrets.js';
import { removeSpool, sweepSpools } from './spools.js';
import { SudoCheck } from './sudo-check.js';
import { SurvivorDesk } from './survivor-desk.js';
import { entriesFor, matchSymptoms } from './symptoms.js';
import { tasksOf } from './tasks.js';
import { findTokens } from './tokens.js';
import { verifiable, verifyCluster } from './verification.js';
import { type checklistView, maintenanceView, suggestPrimary } from './views.js';

export interface SessionOptions {
  readonly inventory: Inventory;
  /** Directory of records and spool. */
  readonly state: string;
  readonly observe: boolean;
  /** Whether a person can be asked for secrets. */
  readonly interactive: boolean;
  /** Begin anew even where an unfinished run of this cluster is recorded. */
  readonly fresh?: boolean;
  /** The run was rebuilt from the servers: whose it was. */
  readonly takenOver?: Previous;
  /** Kept in the record from the beginning. */
  readonly notes?: readonly string[];
}

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
  readonly catalogue: Catalogue;
  readonly cluster: Cluster;
  readonly recordFile: string;
  readonly inventoryFile: string;
  readonly looks: Looks;
  readonly sudo: SudoCheck;
  readonly #options: SessionOptions;
  readonly refresh: Refresh;
  readonly #abort = new AbortController();
  readonly #work: Promise<unknown>[] = [];
  readonly #opened: Opening;
  readonly #acting: Acting;
  readonly before: Before;
  readonly #port: HostsPort;
  readonly #maintenance: Maintenance;
  readonly #journals: JournalSpool;

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
    sweepSpools(options.state, systemClock.now());
    const opening = {
      state: options.state,
      cluster: this.cluster,
      observe: options.observe,
      fresh: options.fresh === true,
      ...(options.takenOver === undefined ? {} : { takenOver: options.takenOver }),
    };
    const opened = openRecord(opening);
    this.#opened = opened;
    const book = new SecretBook();
    const ask = options.interactive ? this.asking.ask : undefined;
    const secrets = new Secrets(inventory, book, ask, (text) => this.#warn(text));
    this.hosts = openHosts(inventory, { warn: (text) => this.#warn(text), ...(ask === undefined ? {} : { ask }) });
    this.desk = new BackupDesk({
      inventory,
      secrets,
      spool: opened.spool,
      hosts: (name) => this.hosts.get(name),
      findTokens: (signal) => findTokens((name) => this.hosts.get(name), this.cluster, book, signal),
      // A drill is a cluster of its own each time: nothing of it is worth remembering.
      ...(inventory.drill ? {} : { ledger: new Ledger(options.state, inventory.cluster) }),
    });
    const survivors = new SurvivorDesk({
      hosts: (name) => this.hosts.get(name),
      spool: opened.spool,
      tokens: (signal) => this.desk.tokens.all(signal),
    });
    const install = new InstallDesk({
      cluster: this.cluster,
      spool: opened.spool,
      hosts: (name) => this.hosts.get(name),
      token: () => this.desk.provenToken(this.#provenHash()),
      ask: ask === undefined ? undefined : (...question) => ask(...question).then((said) => said && book.add(said)),
    });
    this.sudo = new SudoCheck(this.hosts, this.#abort.signal);
    const reads = new DataReads({
      clock: systemClock,
      signal: this.#abort.signal,
      read: (host, etcd, signal) => survivors.read(host, etcd, signal, () => {}),
      active: () => !this.runner.state.begun,
    });
    this.looks = new Looks({
      hosts: this.hosts,
      cluster: this.cluster,
      signal: this.#abort.signal,
      read: (host, facts) => reads.with(host, facts),
      onLook: (host, facts, changed) => this.#looked(host, facts, changed),
    });
    this.refresh = new Refresh({
      store: this.store,
      cluster: this.cluster,
      runner: () => this.runner,
      record: () => this.record,
      alsoMissing: () => this.sudo.refuses,
      newestBackup: () => this.catalogue.newest?.takenAt ?? undefined,
      estimates: remembered((scenario) => new DrillBook(options.state).estimates(scenario)),
      checklistSeen: () => this.checklistSeen(),
    });
    this.catalogue = new Catalogue({
      store: this.store,
      desk: this.desk,
      signal: this.#abort.signal,
      begun: () => this.runner.state.begun,
      changed: () => {
        this.#showMaintenance();
        this.refresh.soon();
      },
    });
    this.#maintenance = new Maintenance(options.state, inventory);
    this.#port = hostsPort({
      host: (name) => this.hosts.get(name),
      mono: () => systemClock.mono(),
      make: (content, signal) => install.make(content, signal),
      token: () => this.desk.provenToken(this.#provenHash()),
    });
    this.#acting = this.#openActing(opened);
    const { runner, resumed } = openRun(opened, opening, {
      clock: systemClock,
      record: opened.record,
      right: this.#acting.site,
      tasks: tasksOf({ backup: this.desk, survivor: survivors, k3s: install }),
      holds: existsSync,
      redact: book.redact,
      ...(inventory.approvers.length === 0
        ? {}
        : { approver: (challenge: string, code: string) => this.#approver(secrets, challenge, code) }),
      hosts: this.#port,
    });
    this.record = opened.record;
    this.runner = runner;
    this.recordFile = opened.file;
    this.#journals = new JournalSpool(spoolBeside(opened.file), (text) => this.#warn(text));
    this.before = new Before({
      cluster: this.cluster,
      runs: dirname(opened.file),
      signal: this.#abort.signal,
      host: (name) => this.hosts.get(name),
      state: () => this.runner.state,
      changed: () => this.refresh.soon(),
      note: (text) => this.runner.note(text),
    });
    if (resumed !== undefined) this.store.setState({ resumed });
    this.runner.listen((_state, event) => {
      if (event?.type === 'run-ended' && event.outcome === 'recovered') this.verify();
      if (event?.type === 'host-came-back') this.#warn(`${event.host} answers again: it takes part, and is held first`);
      if (event !== undefined) this.#acting.recorded(event);
      this.refresh.soon();
    });
    for (const text of options.notes ?? []) this.runner.note(text);
    this.#follow(book);
  }

  /** Runs until `close`: probes, journals, catalogue, the clock of the screen. */
  start(): void {
    this.#work.push(this.looks.watch(), this.catalogue.watch(), this.#tick(), this.#acting.run(this.#opened.other));
    this.#work.push(this.record.verify().then(() => this.refresh.soon()));
    // The first thing drawn says whether this console acts.
    this.refresh.now();
  }

  /** Choices nobody has made yet, made as one would: the best server, the newest backup. */
  suggestChoices(): void {
    const { choices } = this.runner.state;
    const context = contextOf(this.runner.state, HERE, 1, true);
    const { scenario } = this.runner;
    // A scenario that suggests by itself follows what is seen; this one is chosen once.
    const primary = scenario?.suggests === undefined ? suggestPrimary(context) : undefined;
    // What another scenario suggested is nobody's choice.
    const free = choices.primary === undefined || choices.suggested?.includes('primary') === true;
    if (primary !== undefined && free) this.runner.choose('primary', primary);
    if (scenario === undefined || scenario.backup === 'unused') return;
    const newest = this.catalogue.newest?.id;
    if (choices.snapshot === undefined && newest !== undefined) this.runner.choose('snapshot', newest);
  }

  /** What the runbook wants kept before a restore, begun when a scenario is chosen; on a run taken up again, too. */
  keepBefore(): void {
    const { scenario, state } = this.runner;
    const data = scenario?.checklist?.includes('current-data') ?? true;
    if (!state.begun && scenario !== undefined && !this.#options.observe)
      this.#work.push(this.before.chosen(data).catch((error: unknown) => this.#warn(toProblem(error).what)));
  }

  /** Says that an item of maintenance is done. */
  tickMaintenance(item: string, words: string): void {
    if (words.trim() === '') throw new Refused('Say in a few words what was done.');
    if (!this.#maintenance.tick(item, userInfo().username, words.trim(), systemClock.now()))
      throw new Refused(`It could not be written to ${this.#options.state}.`);
    this.#showMaintenance();
  }

  /** A practice cluster is a new one each time: nothing of it is maintained. */
  #showMaintenance(): void {
    if (this.#options.inventory.drill) return;
    const rows = this.#maintenance.statuses(this.catalogue.backups, systemClock.now());
    this.store.setState({ maintenance: maintenanceView(rows) });
  }

  /** What there is to go on with where nobody acts any more. @throws Refused */
  inTheirPlace(): Promise<Rebuilt | undefined> {
    return this.#acting.inTheirPlace();
  }

  /** Runs the verification; what it finds goes into the record. Returns why not, as a sentence. */
  verify(): string | undefined {
    const server = verifiable(this.runner.state);
    if (server === undefined) return 'No server says that its API is ready: there is nothing to verify yet.';
    if (this.store.getState().verifying) return 'It is being verified already.';
    this.store.setState({ verifying: true });
    this.#work.push(
      verifyCluster(this.runner.state, server, this.#port, this.#abort.signal)
        .then((rows) => this.runner.verified(rows))
        .catch((error: unknown) => this.#abort.signal.aborted || this.#warn(toProblem(error).what))
        .finally(() => this.store.setState({ verifying: false })),
    );
    return undefined;
  }

  /** Asks sudo on every host about the plan as it stands. */
  checkSudo(): void {
    const { scenario, state } = this.runner;
    if (scenario === undefined) return;
    this.#work.push(
      this.sudo
        .check(scenario, state)
        .then(() => this.refresh.soon())
        .catch((error: unknown) => this.#warn(toProblem(error).what)),
    );
  }

  checklistSeen(): Parameters<typeof checklistView>[0] {
    const { backups, live } = this.store.getState();
    return {
      state: this.runner.state,
      context: contextOf(this.runner.state, HERE, 1, true),
      needed: this.runner.scenario?.checklist,
      backups: this.catalogue.backups?.length,
      listedAt: this.catalogue.listedAt,
      lookedAt: Object.fromEntries(Object.entries(live).map(([name, one]) => [name, one.seenAt])),
      documented: this.before.documented,
      copies: this.before.copies,
      backupsProblem: backups.state === 'failed' ? backups.what : undefined,
    };
  }

  #looked(host: string, facts: HostFacts, changed: boolean): void {
    noteLook(this.store, host, facts, changed, systemClock.now());
    if (changed) this.runner.seen(host, facts);
    this.showUnknownKeys();
    this.refresh.soon();
  }

  /** Lets go of everything; what runs on nodes goes on. A run in which nothing was begun leaves no record. */
  async close(): Promise<void> {
    this.#abort.abort(new Error('closing'));
    this.asking.cancelAll();
    await this.runner.close();
    await this.#acting.close();
    await this.desk.close();
    await this.hosts.closeAll();
    await Promise.allSettled(this.#work);
    await this.#journals.close();
    // What is shown may be another console's run: what is left here is told by our own record.
    const { begun, ended } = this.record.state ?? { begun: false };
    this.record.close();
    this.#opened.claim?.release();
    // Copies of data hold every Secret: a drill needs none, and what was not begun needs nothing.
    if (!begun || this.#options.inventory.drill) this.before.remove();
    if (!begun) {
      removeRecord(this.recordFile);
      removeJournals(spoolBeside(this.recordFile));
    }
    // Kept only for a run that can go on.
    if (!begun || ended !== undefined) removeSpool(this.#opened.spool);
  }

  #openActing(opened: Opening): Acting {
    const { state, takenOver, observe } = this.#options;
    const { store, hosts } = this;
    return new Acting({
      store,
      hosts,
      state,
      opened,
      observe,
      ...(takenOver === undefined ? {} : { takenOver }),
      signal: this.#abort.signal,
      runner: () => this.runner,
    });
  }

  /** A key that cannot be read here speaks for nobody. */
  async #approver(secrets: Secrets, challenge: string, code: string): Promise<string | undefined> {
    for (const { name, key } of this.#options.inventory.approvers) {
      const read = await secrets.read(key, `approval key of ${name}`).catch((error: unknown) => {
        this.#warn(toProblem(error).what);
        return undefined;
      });
      if (read !== undefined && isApproval(read, challenge, code)) return name;
    }
    return undefined;
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
        onLines: (lines) => {
          addJournal(this.store, lines);
          this.#journals.add(lines);
        },
      }),
    );
  }

  async #tick(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      this.store.setState({ now: systemClock.now() });
      await systemClock.sleep(1_000, this.#abort.signal).catch(() => undefined);
    }
  }

  /** Shows the keys that wait for a person, where they are others than a moment ago. */
  showUnknownKeys(): void {
    const keys = this.hosts.unknownKeys().map((key) => ({
      host: key.host,
      address: key.keyName,
      type: key.type,
      fingerprint: key.fingerprint,
    }));
    if (JSON.stringify(keys) !== JSON.stringify(this.store.getState().unknownKeys))
      this.store.setState({ unknownKeys: keys });
  }

  #warn(text: string): void {
    this.store.setState({ warning: text });
  }
}

/** Asks once for each name. */
function remembered<Value>(ask: (name: string) => Value): (name: string) => Value {
  const known = new Map<string, Value>();
  return (name) => {
    const value = known.get(name) ?? ask(name);
    known.set(name, value);
    return value;
  };
}

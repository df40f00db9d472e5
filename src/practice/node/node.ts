import { createHash } from 'node:crypto';
import { beginK3s, k3sEvent, k3sTerminate, newState } from '../k3s/model.js';
import { readOptions } from '../k3s/options.js';
import type { K3sEvent, K3sPorts } from '../k3s/ports.js';
import { PROGRAMS } from '../programs/index.js';
import type { Output, Run } from '../programs/run.js';
import { writeMounts } from './containers.js';
import { execute } from './exec.js';
import { Fabric, nextRandom } from './fabric.js';
import { Files } from './files.js';
import { contentOf, type Inode } from './inode.js';
import { writeJournal } from './journal.js';
import { runProgram } from './launch.js';
import { Replay } from './replay.js';
import type { Exit, NodeState, Proc } from './state.js';
import { Systemd } from './systemd.js';
import type { Timeline } from './time.js';

export interface ExecOptions {
  readonly stdin?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Who logged in; root when left out. */
  readonly user?: string;
  /** The connection dropped: the command is hung up on. */
  readonly signal?: AbortSignal;
  onStdout?(chunk: Uint8Array): void | Promise<void>;
  onStderr?(chunk: Uint8Array): void | Promise<void>;
}

export interface ExecResult {
  readonly code: number;
  readonly signal?: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** What runs besides K3s and is not part of the copyable state. */
interface Live {
  readonly stop: AbortController;
  killedBy?: number;
}

/** One simulated host: disk, systemd, journal, processes, and the programs a console sends. */
export class PracticeNode {
  readonly systemd = new Systemd(this);
  readonly etcd: Fabric;
  readonly #live = new Map<number, Live>();
  readonly #listeners = new Map<number, (line: string) => void>();

  constructor(
    readonly time: Timeline,
    readonly name: string,
    /** The other nodes, for what crosses the network. */
    readonly peers: ReadonlyMap<string, PracticeNode>,
  ) {
    this.etcd = new Fabric(time, () => this.files());
  }

  get state(): NodeState {
    const state = this.time.world.nodes.get(this.name);
    if (state === undefined) throw new Error(`no node ${this.name}`);
    return state;
  }

  now(): number {
    return this.time.now();
  }

  files(user = 'root'): Files {
    return new Files(this.state.disk, () => this.now(), user);
  }

  changed(): void {
    this.time.changed();
  }

  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += nextRandom(this.time.world).toString(16).padStart(8, '0');
    return text.slice(0, digits);
  }

  journal(entry: { unit: string; identifier: string; pid: number; message: string; priority?: number }): void {
    writeJournal(this.state, this.now(), entry);
  }

  unitLater(ms: number, unit: string, op: 'spawn' | 'restart', job: number): void {
    this.time.after(ms, { node: this.name, kind: 'unit', unit, op, job });
  }

  cancelUnit(unit: string): void {
    this.time.cancel((event) => event.node === this.name && event.kind === 'unit' && event.unit === unit);
  }

  hasProgram(path: string): boolean {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (name === 'k3s') return this.files().exists('/usr/local/bin/k3s');
    if (path === '') return false;
    return PROGRAMS.has(name) || this.files().exists(path.startsWith('/') ? path : `/usr/bin/${path}`);
  }

  /** A pid with a row in `ps`. */
  newProc(args: string, user: string, unit: string | undefined, ppid = 1, more: Partial<Proc> = {}): Proc {
    const proc: Proc = { pid: this.state.nextPid++, ppid, user, args, unit, ...more };
    this.state.procs.set(proc.pid, proc);
    return proc;
  }

  endProc(pid: number): void {
    this.state.procs.delete(pid);
    this.#live.delete(pid);
  }

  /** Registers what `kill` and `systemctl stop` abort for a program that is not K3s. */
  live(pid: number, stop: AbortController): Live {
    const live: Live = { stop };
    this.#live.set(pid, live);
    return live;
  }

  /** Starts a unit's main process; returns its pid. */
  spawnForUnit(unit: string, argv: readonly string[], env: Record<string, string>, cwd: string): number {
    if (argv[0]?.endsWith('/k3s') && (argv[1] === 'server' || argv[1] === 'agent'))
      return this.startK3s(argv, env, 'root', unit);
    const proc = this.newProc(argv.join(' '), 'root', unit, 1, { script: { argv, env, cwd, done: [] } });
    this.#runScript(proc, unit);
    return proc.pid;
  }

  /** Goes on with the shells of units in a copied cluster. */
  resumeScripts(): void {
    for (const proc of [...this.state.procs.values()]) if (proc.unit !== undefined) this.#runScript(proc, proc.unit);
  }

  #runScript(proc: Proc, unit: string): void {
    const { script } = proc;
    if (script === undefined) return;
    const { argv, env, cwd } = script;
    const stop = new AbortController();
    const live = this.live(proc.pid, stop);
    const name = this.state.units.get(unit)?.def.identifier ?? (argv[0] ?? '').split('/').at(-1) ?? '';
    let pending = '';
    const write = (chunk: Uint8Array | string): void => {
      pending += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
      const lines = pending.split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) this.#unitLine(unit, name, proc.pid, line);
    };
    const output: Output = { out: write, err: write };
    void runProgram(this, {
      argv,
      env,
      cwd,
      user: 'root',
      stdin: empty(),
      output,
      signal: stop.signal,
      unit,
      pid: proc.pid,
      replay: new Replay(script),
    })
      .catch(() => 137)
      .then((code) => {
        if (!this.state.procs.has(proc.pid)) return;
        if (pending !== '') this.#unitLine(unit, name, proc.pid, pending);
        this.state.journalled.delete(unit);
        this.endProc(proc.pid);
        this.systemd.mainExited(unit, code, live.killedBy);
        this.changed();
      });
  }

  #unitLine(unit: string, identifier: string, pid: number, message: string): void {
    const already = this.state.journalled.get(unit);
    const count = already?.get(message) ?? 0;
    if (count > 0) {
      already?.set(message, count - 1);
      return;
    }
    this.journal({ unit, identifier, pid, message });
    this.changed();
  }

  /** Starts a K3s process; its lines go to the unit's journal, and to `listener` of who runs it by hand. */
  startK3s(
    argv: readonly string[],
    env: Record<string, string>,
    user: string,
    unit: string | undefined,
    listener?: (line: string) => void,
    ppid = 1,
  ): number {
    const command = argv[1] === 'agent' ? 'agent' : 'server';
    const more = listener === undefined ? {} : { heard: [] };
    const proc = this.newProc(`/usr/local/bin/k3s ${command}`, user, unit, ppid, more);
    if (listener !== undefined) this.#listeners.set(proc.pid, listener);
    const options = readOptions(command, argv.slice(2), env, this.files());
    proc.k3s = newState(proc.pid, options, this.name, this.state.ip, this.now());
    const pace = options.clusterReset && this.state.killResets > 0 ? 1 : 0;
    beginK3s(this.#ports(proc), proc.k3s);
    if (pace === 1) {
      this.state.killResets -= 1;
      this.time.after(3000, {
        node: this.name,
        kind: 'k3s',
        pid: proc.pid,
        event: { kind: 'phase', phase: 'killed-by-oom' },
      });
    }
    return proc.pid;
  }

  #ports(proc: Proc): K3sPorts {
    return {
      node: this.name,
      ip: this.state.ip,
      files: this.files(),
      etcd: this.etcd,
      now: () => this.now(),
      hex: (digits) => this.hex(digits),
      after: (ms, event) =>
        this.time.after(ms * this.state.pace, { node: this.name, kind: 'k3s', pid: proc.pid, event }),
      line: (text) => this.#k3sLine(proc, text),
      ready: () => {
        if (proc.unit !== undefined) this.systemd.ready(proc.unit);
      },
      exit: (code) => this.k3sGone(proc.pid, code),
      taken: (port) => this.listening().some((one) => one.pid !== proc.pid && one.address.endsWith(`:${port}`)),
    };
  }

  #k3sLine(proc: Proc, text: string): void {
    if (proc.unit !== undefined) {
      const identifier = this.state.units.get(proc.unit)?.def.identifier ?? 'k3s';
      this.journal({ unit: proc.unit, identifier, pid: proc.pid, message: text });
      const live = this.state.journalled.get(proc.unit) ?? new Map<string, number>();
      if (proc.heard !== undefined) {
        live.set(text, (live.get(text) ?? 0) + 1);
        this.state.journalled.set(proc.unit, live);
      }
    }
    proc.heard?.push(text);
    this.#listeners.get(proc.pid)?.(text);
  }

  /** Every listening socket with its process (`a-healthy/node-1.ss-ltnp.out`). */
  listening(): { address: string; pid: number; name: string }[] {
    const found = [{ address: '0.0.0.0:22', pid: 79, name: 'sshd' }];
    for (const proc of this.state.procs.values()) {
      for (const address of proc.k3s?.listening ?? [])
        found.push({
          address,
          pid: proc.pid,
          name: proc.k3s?.options.command === 'agent' ? 'k3s-agent' : 'k3s-server',
        });
    }
    return found;
  }

  /** A K3s process ended, by itself or by a signal. */
  k3sGone(pid: number, code: number, signal?: number): void {
    const proc = this.state.procs.get(pid);
    if (proc?.k3s === undefined) return;
    const lineage = proc.k3s.wal?.lineage;
    this.state.procs.delete(pid);
    this.time.cancel((event) => event.kind === 'k3s' && event.pid === pid && event.node === this.name);
    this.state.exits.set(pid, { code, ...(signal === undefined ? {} : { signal }), heard: proc.heard ?? [] });
    if (lineage !== undefined) this.etcd.review(lineage);
    const unit = proc.unit === undefined ? undefined : this.state.units.get(proc.unit);
    if (unit !== undefined && unit.mainPid === pid) this.systemd.mainExited(unit.name, code, signal);
    this.changed();
  }

  /** Waits for a K3s process started by {@link startK3s} to end. */
  async k3sExit(pid: number): Promise<Exit> {
    const end = await this.time.wait(() => this.state.exits.get(pid));
    this.state.exits.delete(pid);
    this.#listeners.delete(pid);
    return end;
  }

  /** Listens to a K3s process that runs, or ended, in a copied cluster: hears what it said so far, then the rest. */
  rejoinK3s(pid: number, listener: (line: string) => void): void {
    const heard = this.state.procs.get(pid)?.heard ?? this.state.exits.get(pid)?.heard ?? [];
    for (const line of heard) listener(line);
    this.#listeners.set(pid, listener);
  }

  k3sHappens(pid: number, event: K3sEvent): void {
    const proc = this.state.procs.get(pid);
    if (proc?.k3s === undefined) return;
    if (event.kind === 'phase' && event.phase === 'killed-by-oom') {
      this.kill(pid, 'KILL');
      return;
    }
    k3sEvent(this.#ports(proc), proc.k3s, event);
  }

  /** Sends a signal to a process. */
  kill(pid: number, signal: 'TERM' | 'KILL' | 'INT' | 'HUP'): void {
    const proc = this.state.procs.get(pid);
    if (proc === undefined) return;
    if (proc.k3s !== undefined) {
      if (signal === 'KILL' || signal === 'HUP')
        this.k3sGone(pid, 128 + (signal === 'KILL' ? 9 : 1), signal === 'KILL' ? 9 : 1);
      else k3sTerminate(this.#ports(proc), proc.k3s);
      return;
    }
    const live = this.#live.get(pid);
    if (live === undefined) return;
    live.killedBy = signal === 'KILL' ? 9 : signal === 'HUP' ? 1 : 15;
    live.stop.abort(new Error(`killed by SIG${signal}`));
  }

  /** Signals a unit: all of its processes, or with KillMode=process the main one only. */
  signalUnit(name: string, signal: 'TERM' | 'KILL' | 'INT'): void {
    const unit = this.state.units.get(name);
    const pids = [...this.state.procs.values()].filter((proc) => proc.unit === name).map((proc) => proc.pid);
    const main = unit?.mainPid ?? 0;
    for (const pid of unit?.def.killMode === 'process' ? [main] : pids.sort((a, b) => b - a)) this.kill(pid, signal);
  }

  /** Runs an SSH exec string. */
  exec(command: string, options: ExecOptions = {}): Promise<ExecResult> {
    return execute(this, command, options);
  }

  /** Runs one program with the node's own rules; used by shells and wrappers. */
  run(run: Run): Promise<number> {
    return runProgram(this, run);
  }

  /** The power goes: every process is gone at once. */
  powerOff(): void {
    this.state.power = 'off';
    this.state.containers = [];
    for (const proc of [...this.state.procs.values()]) {
      if (proc.k3s === undefined) this.kill(proc.pid, 'KILL');
      else this.#vanish(proc);
      this.state.procs.delete(proc.pid);
    }
    this.time.cancel((event) => event.node === this.name && event.kind !== 'act');
    for (const unit of [...this.state.units.values()]) {
      if (unit.def.transient) this.state.units.delete(unit.name);
      else Object.assign(unit, { active: 'inactive', sub: 'dead', mainPid: 0, restarts: 0, jobResult: 'canceled' });
    }
    this.changed();
  }

  #vanish(proc: Proc): void {
    const lineage = proc.k3s?.wal?.lineage;
    this.state.procs.delete(proc.pid);
    this.state.exits.set(proc.pid, { code: 137, signal: 9, heard: proc.heard ?? [] });
    if (lineage !== undefined) this.etcd.review(lineage);
  }

  /** The machine boots: /run is empty, enabled units start. */
  powerOn(): void {
    const { state } = this;
    state.power = 'on';
    state.bootId = this.hex(32);
    state.bootedAt = this.now();
    const files = this.files();
    writeMounts(this);
    for (const name of files.isDirectory('/run') ? files.list('/run') : [])
      files.remove(`/run/${name}`, { recursive: true });
    this.systemd.boot();
    this.changed();
  }

  /** Every path with kind, mode, owner, time and content hash: two equal answers mean that no byte was changed. */
  fingerprint(): Map<string, string> {
    const found = new Map<string, string>();
    const walk = (path: string, inode: Inode): void => {
      const common = `${inode.kind} ${inode.mode.toString(8)} ${inode.owner} ${inode.mtime}`;
      if (inode.kind === 'file') {
        const bytes = inode.size > 8_000_000 ? (inode.chunks[0] ?? new Uint8Array(0)) : contentOf(inode);
        found.set(path, `${common} ${inode.size} ${createHash('sha256').update(bytes).digest('hex')}`);
      } else found.set(path || '/', inode.kind === 'link' ? `${common} ${inode.target}` : common);
      if (inode.kind === 'dir') for (const [name, child] of inode.entries) walk(`${path}/${name}`, child);
    };
    walk('', this.state.disk.root);
    return found;
  }
}

async function* empty(): AsyncGenerator<Uint8Array> {}

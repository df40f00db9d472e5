import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { beginK3s, k3sEvent, k3sTerminate, newState } from '../../../src/practice/k3s/model.js';
import { readOptions } from '../../../src/practice/k3s/options.js';
import { at } from '../../../src/practice/k3s/paths.js';
import type { K3sEvent, K3sPorts, K3sState } from '../../../src/practice/k3s/ports.js';
import { RealEtcd } from './etcd.js';
import { RealFiles } from './files.js';
import { Gateway } from './gateway.js';
import { Supervisors } from './serve.js';

/** How much faster than the recordings; real etcd keeps its own time, with shorter election timeouts than K3s gives it. */
const PACE = existsSync('/opt/lab/pace') ? Number(readFileSync('/opt/lab/pace', 'utf8')) : 1;

/** Alone, etcd takes half a second or more to elect itself; that is in the recorded time until it answers, and is taken by the real one here. */
const electionIn = (event: K3sEvent): number => (event.kind === 'phase' && event.phase === 'etcd' ? 500 : 0);

/** Phases that need what etcd has really done; the model's own clock would run ahead. */
const NEEDS_VOTER = new Set(['join-voter', 'join-api', 'join-ready']);

/** One `k3s server` or `k3s agent`: the model, its clock, its real files and its real etcd. */
export class StandIn {
  readonly node = hostname();
  readonly ip = networkInterfaces().host0?.find((one) => one.family === 'IPv4')?.address ?? '127.0.0.1';
  readonly files = new RealFiles();
  readonly etcd = new RealEtcd(this.node, this.ip);
  readonly state: K3sState;
  readonly #ports: K3sPorts;
  readonly #supervisors = new Supervisors(this);
  #ending = false;
  #stopping = false;
  #promote = false;

  constructor(command: 'server' | 'agent', argv: readonly string[]) {
    const options = readOptions(command, argv, process.env as Record<string, string>, this.files);
    this.state = newState(process.pid, options, this.node, this.ip, Date.now());
    this.#ports = {
      node: this.node,
      ip: this.ip,
      files: this.files,
      etcd: this.etcd,
      now: () => Date.now(),
      hex: (digits) => randomBytes(digits).toString('hex').slice(0, digits),
      after: (ms, event) => void setTimeout(() => this.#happen(event), Math.max(0, ms - electionIn(event)) * PACE),
      line: (text) => void process.stderr.write(`${text}\n`),
      ready: () => notifyReady(),
      exit: (code) => void this.#exit(code),
      taken: (port) => isTaken(port),
    };
  }

  get name(): string {
    return this.state.options.nodeName ?? this.node;
  }

  run(): void {
    const role = this.state.options.command;
    // K3s hides its arguments; `ss` calls it k3s-server.
    process.title = `/usr/local/bin/k3s ${role}`;
    writeFileSync('/proc/self/comm', `k3s-${role}`);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void this.#terminate());
    void this.#begin();
  }

  async #terminate(): Promise<void> {
    await this.etcd.lookWhoLeads();
    this.#stopping = true;
    this.#guarded(() => k3sTerminate(this.#ports, this.state));
    // A reset ends by itself; otherwise etcd stops with the rest of K3s, not after it.
    if (this.state.phase === 'stopping') void this.etcd.stop();
  }

  async #begin(): Promise<void> {
    // One that cannot be read has no members to tell; what K3s makes of it is the model's business.
    if (this.state.options.command === 'server') await this.etcd.look(at.etcd(this.state)).catch(() => undefined);
    this.#guarded(() => beginK3s(this.#ports, this.state));
    void this.#watch();
  }

  #happen(event: K3sEvent): void {
    if (this.#ending) return;
    if (event.kind === 'phase') {
      const own = this.etcd.history?.own();
      const early =
        (event.phase === 'reset-connected' && !this.#healthy) ||
        (NEEDS_VOTER.has(event.phase) && own?.learner !== false);
      if (early) {
        setTimeout(() => this.#happen(event), 200);
        return;
      }
      if (event.phase === 'join-promote') {
        // The model decides that it is time; etcd decides when it is done.
        this.#promote = true;
        return;
      }
    }
    this.#guarded(() => k3sEvent(this.#ports, this.state, event));
  }

  #healthy = false;

  /** Runs a piece of the model, then makes the world follow: ports, etcd, the Node in the cluster. */
  #guarded(piece: () => void): void {
    try {
      piece();
    } catch (error) {
      process.stderr.write(`k3s stand-in: ${error instanceof Error ? error.stack : String(error)}\n`);
      void this.#exit(1);
      return;
    }
    if (this.#ending) return;
    this.#supervisors.follow();
    if (this.state.etcdUp && !this.state.hollow && !this.etcd.running) {
      this.etcd.run((code) => void (this.#ending || this.#stopping || this.#died(code)), this.state.phase === 'reset');
    }
    void this.#tell();
  }

  #died(code: number | null): void {
    process.stderr.write(`k3s stand-in: etcd ended with ${code}, see /run/k3s-stand-in-etcd.log\n`);
    void this.#exit(1);
  }

  /** Looks at etcd again and again: leaders found and lost, members, objects, Nodes. */
  async #watch(): Promise<void> {
    for (let round = 0; !this.#ending; round++) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      if (this.state.options.command === 'agent') continue;
      if (!this.etcd.running) {
        this.#healthy = false;
        continue;
      }
      try {
        await this.#look(round);
      } catch (error) {
        process.stderr.write(`k3s stand-in: ${error instanceof Error ? error.stack : String(error)}\n`);
      }
    }
  }

  async #look(round: number): Promise<void> {
    const { history } = this.etcd;
    if (history === undefined || this.#stopping) return;
    const local = new Gateway('http://127.0.0.1:2379');
    const learner = history.own()?.learner === true;
    this.#healthy = learner ? (await local.leader()) !== undefined : await local.agreed();
    if (this.#ending) return;
    if (this.#healthy && history.leaderSince === 0) history.leaderSince = Date.now();
    if (!this.#healthy) history.leaderSince = 0;
    if (this.state.api === 'ready' && history.apiSince === 0) history.apiSince = Date.now();
    if (this.#healthy && !this.state.led && this.state.vars.START !== 'join') this.#happen({ kind: 'leader' });
    if (this.#healthy && !this.state.led && this.state.vars.START === 'join') this.state.led = true;
    if (!this.#healthy && this.state.led && this.state.phase !== 'reset') this.#happen({ kind: 'leaderless' });
    if (
      this.#promote &&
      learner &&
      (await new Gateway(`http://${this.etcd.via}:2379`).promote(history.own()?.id ?? '0'))
    )
      this.#promote = false;
    if (this.#healthy && round % 4 === 0 && this.state.phase !== 'reset') {
      await history.refresh(this.etcd.gateway(), this.name);
      await this.#tell();
    }
  }

  /** What this host's kubelet would tell the cluster. */
  async #tell(): Promise<void> {
    const { state } = this;
    if (state.options.command === 'agent') return this.#supervisors.tellAsAgent();
    const { history } = this.etcd;
    if (history === undefined || !this.#healthy || state.api !== 'ready') return;
    const own = history.nodes.find((one) => one.name === this.name);
    if (own !== undefined && state.kubelet) own.seen = Date.now();
    await history.push(this.etcd.gateway(), this.name);
  }

  async #exit(code: number): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    await this.etcd.stop();
    process.exit(code);
  }
}

function notifyReady(): void {
  if (process.env.NOTIFY_SOCKET === undefined) return;
  spawn('systemd-notify', ['--ready', `--pid=${process.pid}`], { stdio: 'ignore' });
}

function isTaken(port: number): boolean {
  const { stdout } = spawnSync('ss', ['-H', '-ltn', `sport = :${port}`], { encoding: 'utf8' });
  return stdout.trim() !== '';
}

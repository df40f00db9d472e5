import type { PracticeNode } from './node.js';
import type { Unit, UnitDef } from './state.js';
import { expandWords, readEnvironment, readUnit } from './unit-file.js';

const BASE_ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' };

/** The words systemd uses for the exit codes K3s dies with. */
function exitWord(code: number): string {
  return code === 0 ? '0/SUCCESS' : code === 1 ? '1/FAILURE' : code === 2 ? '2/INVALIDARGUMENT' : `${code}/n/a`;
}

/** systemd of one node: units from files and at run time, jobs, restarts, as recorded in n-hold, d-reset-failures and the transient-unit folder. */
export class Systemd {
  constructor(private readonly node: PracticeNode) {}

  /** A unit by name, loaded when it has a file. */
  unit(name: string): Unit | undefined {
    const full = /\.(service|target|socket|timer)$/.test(name) ? name : `${name}.service`;
    const known = this.node.state.units.get(full);
    if (known !== undefined) return known;
    const def = readUnit(this.node.files(), full);
    if (def === undefined) return undefined;
    const unit: Unit = {
      name: full,
      def,
      active: 'inactive',
      sub: 'dead',
      result: 'success',
      mainPid: 0,
      restarts: 0,
      execStartAt: 0,
      execExitAt: 0,
      execCode: 0,
      execStatus: 0,
      changedAt: 0,
      inactiveExitAt: 0,
      activeEnterAt: 0,
      invocation: '',
      assertResult: 'no',
      jobs: 0,
      jobResult: 'done',
    };
    this.node.state.units.set(full, unit);
    return unit;
  }

  /** `systemctl daemon-reload`: definitions are read again; units whose file is gone are forgotten once inactive. */
  reload(): void {
    for (const unit of this.node.state.units.values()) {
      const def = readUnit(this.node.files(), unit.name);
      if (def !== undefined) unit.def = def;
      else if (unit.active === 'inactive') this.node.state.units.delete(unit.name);
    }
  }

  enabled(name: string): boolean {
    return this.node.files().find(`/etc/systemd/system/multi-user.target.wants/${name}`, false) !== undefined;
  }

  say(unit: Unit, message: string, priority = 6): void {
    this.node.journal({ unit: unit.name, identifier: 'systemd', pid: 1, message, priority });
  }

  #set(unit: Unit, active: Unit['active'], sub: string): void {
    const now = this.node.now();
    if (unit.active === 'inactive' && active !== 'inactive') unit.inactiveExitAt = now;
    if (unit.active !== 'active' && active === 'active') unit.activeEnterAt = now;
    unit.active = active;
    unit.sub = sub;
    unit.changedAt = now;
    this.node.changed();
  }

  #title(unit: Unit): string {
    return `${unit.name} - ${unit.def.description}`;
  }

  /** Whether every AssertPathExists= holds now (R53). */
  #asserts(unit: Unit): boolean {
    return unit.def.asserts.every((assertion) => {
      const not = assertion.startsWith('!');
      return this.node.files().exists(not ? assertion.slice(1) : assertion) !== not;
    });
  }

  /** Begins to start a unit; its `jobResult` tells how that ended. */
  start(unit: Unit): void {
    if (unit.active === 'active' || unit.active === 'activating') {
      if (unit.sub !== 'auto-restart') {
        if (unit.active === 'active') unit.jobResult = 'done';
        return;
      }
      this.node.cancelUnit(unit.name);
    }
    unit.restarts = 0;
    this.#begin(unit);
  }

  #begin(unit: Unit): void {
    unit.jobs += 1;
    unit.jobResult = 'pending';
    if (!this.#asserts(unit)) {
      unit.assertResult = 'no';
      unit.jobResult = 'assert';
      this.say(unit, `${unit.name}: Starting requested but asserts failed.`, 4);
      this.say(unit, `Assertion failed for ${this.#title(unit)}.`, 4);
      this.#set(unit, 'inactive', 'dead');
      return;
    }
    unit.assertResult = 'yes';
    unit.result = 'success';
    unit.execCode = 0;
    unit.execStatus = 0;
    unit.invocation = this.node.hex(32);
    if (unit.def.type === 'notify') {
      this.say(unit, `Starting ${this.#title(unit)}...`);
      this.#set(unit, 'activating', 'start-pre');
      this.node.unitLater(20, unit.name, 'spawn', unit.jobs);
    } else this.spawn(unit);
  }

  /** A planned step of a unit: its main process after ExecStartPre, or an automatic restart. */
  planned(name: string, op: 'spawn' | 'restart', job: number): void {
    const unit = this.node.state.units.get(name);
    if (unit === undefined || unit.jobs !== job) return;
    if (op === 'spawn') {
      this.spawn(unit);
      return;
    }
    unit.restarts += 1;
    this.say(unit, `${unit.name}: Scheduled restart job, restart counter is at ${unit.restarts}.`);
    this.say(unit, `Stopped ${this.#title(unit)}.`);
    this.#begin(unit);
  }

  /** The environment of a unit's processes. */
  environment(def: UnitDef): Record<string, string> | undefined {
    const env: Record<string, string> = { ...BASE_ENV, ...def.environment };
    for (const file of def.environmentFiles) {
      const optional = file.startsWith('-');
      const path = optional ? file.slice(1) : file;
      if (this.node.files().exists(path)) Object.assign(env, readEnvironment(this.node.files().text(path)));
      else if (!optional) return undefined;
    }
    for (const name of def.unsetEnvironment) delete env[name];
    return env;
  }

  /** Starts the main process. */
  spawn(unit: Unit): void {
    const env = this.environment(unit.def);
    const argv = env === undefined ? [] : expandWords(unit.def.execStart, env);
    const program = argv[0] ?? '';
    unit.execStartAt = this.node.now();
    unit.execExitAt = 0;
    if (env === undefined || !this.node.hasProgram(program)) {
      const text =
        env === undefined
          ? 'Failed to load environment files: No such file or directory'
          : `Failed at step EXEC spawning ${program}: No such file or directory`;
      this.say(unit, `${unit.name}: ${text}`, 3);
      unit.mainPid = 0;
      this.#ended(unit, env === undefined ? 'resources' : 'exit-code', 1, env === undefined ? 0 : 203);
      return;
    }
    if (unit.def.type === 'notify' || unit.def.type === 'oneshot') this.#set(unit, 'activating', 'start');
    else this.#becameActive(unit);
    unit.mainPid = this.node.spawnForUnit(unit.name, argv, env, unit.def.workingDirectory ?? '/');
    this.node.changed();
  }

  #becameActive(unit: Unit): void {
    this.#set(unit, 'active', 'running');
    unit.jobResult = 'done';
    this.say(unit, `Started ${this.#title(unit)}.`);
    this.node.changed();
  }

  /** READY=1 from a unit's main process. */
  ready(name: string): void {
    const unit = this.node.state.units.get(name);
    if (unit?.active === 'activating' && unit.def.type === 'notify') this.#becameActive(unit);
  }

  /** A unit's main process is gone. `signal` when it was killed. */
  mainExited(name: string, code: number, signal?: number): void {
    const unit = this.node.state.units.get(name);
    if (unit === undefined) return;
    unit.mainPid = 0;
    unit.execExitAt = this.node.now();
    unit.execCode = signal === undefined ? 1 : 2;
    unit.execStatus = signal ?? code;
    if (unit.active === 'deactivating') {
      this.say(unit, `${unit.name}: Deactivated successfully.`);
      this.#stopped(unit);
      return;
    }
    const good = signal === undefined ? code === 0 : signal === 15;
    if (!good) {
      const how = signal === undefined ? `code=exited, status=${exitWord(code)}` : `code=killed, status=${signal}/KILL`;
      this.say(unit, `${unit.name}: Main process exited, ${how}`, 5);
    }
    const result = good ? 'success' : signal === undefined ? 'exit-code' : 'signal';
    this.#ended(unit, result, unit.execCode, unit.execStatus);
  }

  #ended(unit: Unit, result: string, code: number, status: number): void {
    unit.execCode = code;
    unit.execStatus = status;
    const starting = unit.active === 'activating';
    // Exit 0 before READY=1 is a failure of its own kind (R35).
    unit.result = result === 'success' && starting && unit.def.type === 'notify' ? 'protocol' : result;
    if (unit.result === 'success') {
      if (unit.def.type === 'oneshot' && starting) unit.jobResult = 'done';
      if (unit.def.remain) {
        this.#set(unit, 'active', 'exited');
        return;
      }
      this.say(unit, `${unit.name}: Deactivated successfully.`);
      unit.jobResult = 'done';
    } else {
      this.say(unit, `${unit.name}: Failed with result '${unit.result}'.`, 4);
      if (starting) this.say(unit, `Failed to start ${this.#title(unit)}.`, 3);
      unit.jobResult = 'failed';
    }
    if (unit.def.restart) {
      this.#set(unit, 'activating', 'auto-restart');
      this.node.unitLater(unit.def.restartMs + 100, unit.name, 'restart', unit.jobs);
      return;
    }
    if (unit.result === 'success') this.#set(unit, 'inactive', 'dead');
    else this.#set(unit, 'failed', 'failed');
    this.#forget(unit, unit.result === 'success' || unit.def.collect);
  }

  /** Begins to stop a unit; it is over when it is inactive or failed. */
  stop(unit: Unit): void {
    if (unit.active === 'inactive' || unit.active === 'failed') {
      if (unit.active === 'failed') return;
      this.#forget(unit, true);
      return;
    }
    this.node.cancelUnit(unit.name);
    unit.jobs += 1;
    unit.jobResult = 'canceled';
    if (unit.mainPid === 0) {
      this.#stopped(unit);
      return;
    }
    this.say(unit, `Stopping ${this.#title(unit)}...`);
    this.#set(unit, 'deactivating', 'stop-sigterm');
    this.node.signalUnit(unit.name, 'TERM');
  }

  #stopped(unit: Unit): void {
    this.say(unit, `Stopped ${this.#title(unit)}.`);
    this.#set(unit, 'inactive', 'dead');
    if (unit.again === true) {
      unit.again = false;
      this.start(unit);
      return;
    }
    this.#forget(unit, true);
  }

  /** `systemctl restart`: stops it, and starts it as soon as it has stopped. */
  restart(unit: Unit): void {
    if (unit.active === 'inactive' || unit.active === 'failed') {
      this.start(unit);
      return;
    }
    unit.again = true;
    this.stop(unit);
  }

  /** A transient unit that is over is unloaded, and its name is free again (R43). */
  #forget(unit: Unit, over: boolean): void {
    if (!over || !unit.def.transient) return;
    this.node.state.units.delete(unit.name);
    if (this.node.files().exists(unit.def.fragment)) this.node.files().remove(unit.def.fragment);
    this.node.changed();
  }

  /** `systemctl reset-failed`: false when there is no such unit. */
  resetFailed(unit: Unit): void {
    if (unit.active === 'failed') this.#set(unit, 'inactive', 'dead');
    unit.result = 'success';
    unit.restarts = 0;
    this.#forget(unit, unit.active === 'inactive');
  }

  /** Units the boot starts. */
  boot(): void {
    const wants = '/etc/systemd/system/multi-user.target.wants';
    if (!this.node.files().isDirectory(wants)) return;
    for (const name of this.node.files().list(wants)) {
      const unit = this.unit(name);
      if (unit !== undefined) this.start(unit);
    }
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setCable } from './network.js';
import { namespaceOf, type Places } from './places.js';
import type { LabHost } from './plan.js';
import { must, type Ran, run, until } from './sh.js';

/** What sshd was asked to run, each text ended by a NUL: kept by sshd's own ForceCommand, which then runs it as it would have. */
export const ASKED_LOG = '/var/log/lab-asked';

/** What nspawn exits with when the machine asked for a reboot. */
const REBOOT = 133;

/** One booted Debian: real systemd, journald, sshd and sudo over an overlay of the base tree. */
export class Machine {
  readonly root: string;
  readonly #folder: string;
  #nspawn: ChildProcess | undefined;
  #powered = false;
  /** How often it has booted. */
  boots = 0;

  constructor(
    readonly places: Places,
    readonly host: LabHost,
  ) {
    this.#folder = `${places.run}/machines/${host.name}`;
    this.root = `${this.#folder}/root`;
  }

  /** Mounts the overlay; the base tree is never written to. */
  async prepare(): Promise<void> {
    for (const name of ['upper', 'work', 'root']) mkdirSync(`${this.#folder}/${name}`, { recursive: true });
    const layers = `lowerdir=${this.places.cache}/base,upperdir=${this.#folder}/upper,workdir=${this.#folder}/work`;
    await must(['mount', '-t', 'overlay', 'overlay', '-o', layers, this.root]);
  }

  boot(): void {
    this.#powered = true;
    this.boots += 1;
    const { host, places } = this;
    const nspawn = [
      'systemd-nspawn',
      '--quiet',
      `--directory=${this.root}`,
      `--machine=bl${places.id}-${host.name}`,
      `--hostname=${host.name}`,
      '--register=no',
      '--keep-unit',
      '--boot',
      '--resolv-conf=off',
      '--timezone=off',
      '--link-journal=no',
      `--network-namespace-path=/run/netns/${namespaceOf(places, host.name)}`,
      `--bind-ro=${places.code}:/opt/lab`,
      '--console=pipe',
    ];
    // A control group of its own: two machines in one would see each other's units.
    const enter =
      'for top in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do ' +
      '[ -w "$top/cgroup.procs" ] || continue; mkdir -p "$top/$0" && echo $$ > "$top/$0/cgroup.procs"; done; exec "$@"';
    const child = spawn('/bin/sh', ['-c', enter, this.#cgroup(), ...nspawn], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const log = createWriteStream(`${this.#folder}/console.log`, { flags: 'a' });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#nspawn = child;
    child.once('exit', (code) => {
      if (this.#nspawn !== child) return;
      this.#nspawn = undefined;
      if (code === REBOOT && this.#powered) this.boot();
    });
  }

  #cgroup(): string {
    return `bl${this.places.id}-${this.host.name}`;
  }

  /** Pid of its systemd as seen from outside; undefined while it is off. */
  leader(): number | undefined {
    const pid = this.#nspawn?.pid;
    if (pid === undefined) return undefined;
    try {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
      const first = Number(children.split(' ')[0]);
      return first > 0 ? first : undefined;
    } catch {
      return undefined;
    }
  }

  /** The power is cut: everything in it is gone at once, what was not synced is the overlay's. */
  async powerOff(): Promise<void> {
    this.#powered = false;
    const child = this.#nspawn;
    const leader = this.leader();
    if (leader !== undefined) kill(leader);
    if (child?.pid !== undefined) kill(child.pid);
    if (child !== undefined)
      await until(
        `${this.host.name} to be off`,
        () => child.exitCode !== null || child.signalCode !== null || undefined,
      );
    if (leader !== undefined)
      await until(`the end of ${this.host.name}`, () => (existsSync(`/proc/${leader}`) ? undefined : true));
    this.#nspawn = undefined;
  }

  /** Resolves when sshd says its name. */
  async answersSsh(withinMs = 60_000): Promise<void> {
    await until(`sshd of ${this.host.name}`, () => banner(this.host.ip, this.host.sshPort), { withinMs });
  }

  /** Runs a program inside, behind the back of the console: the lab's own hand on the machine. */
  async inside(argv: readonly string[], input?: string): Promise<Ran> {
    const leader = await until(`systemd of ${this.host.name}`, () => this.leader());
    return run(
      ['nsenter', '-t', String(leader), '-m', '-u', '-i', '-n', '-p', '--root', '--wd', '--', ...argv],
      input === undefined ? {} : { input },
    );
  }

  /** Like {@link inside}, for what has to succeed. */
  async act(argv: readonly string[], input?: string): Promise<string> {
    const ran = await this.inside(argv, input);
    if (ran.code !== 0) throw new Error(`${this.host.name}: ${argv.join(' ')}: exit ${ran.code}: ${ran.stderr.trim()}`);
    return ran.stdout;
  }

  cut(): Promise<void> {
    return setCable(this.places, this.host, 'down');
  }

  heal(): Promise<void> {
    return setCable(this.places, this.host, 'up');
  }

  /** What its sshd was asked to run so far, oldest first. */
  asked(): string[] {
    const file = `${this.root}${ASKED_LOG}`;
    return existsSync(file) ? readFileSync(file, 'utf8').split('\0') : [];
  }

  /** Resolves when its sshd is asked for something new that matches; looked at so often, milliseconds. */
  async isAsked(what: RegExp, everyMs = 100): Promise<void> {
    const before = this.asked().length;
    await until(
      `${what} on ${this.host.name}`,
      () =>
        this.asked()
          .slice(before)
          .some((line) => what.test(line)),
      { withinMs: 240_000, everyMs },
    );
  }

  async remove(): Promise<void> {
    await this.powerOff();
    await run(['umount', '-l', this.root]);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** The line an SSH server greets with; undefined when nobody does. */
function banner(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const give = (line: string | undefined): void => {
      socket.destroy();
      resolve(line);
    };
    socket.setTimeout(1_000, () => give(undefined));
    socket.once('error', () => give(undefined));
    socket.once('data', (data: Buffer) =>
      give(data.toString('latin1').startsWith('SSH-') ? data.toString('latin1') : undefined),
    );
    socket.once('close', () => give(undefined));
  });
}

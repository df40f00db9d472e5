import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { EXIT, ProblemError, toProblem } from '../base/problem.js';
import type { Secret } from '../base/secret.js';
import type { Cluster } from '../incident/cluster.js';
import { hostOf } from '../incident/cluster.js';
import type { MadeContent, MadeOfHost, MadeOfSnapshot, TaskCommand } from '../incident/command.js';
import type { Json } from '../incident/json.js';
import { HERE } from '../incident/step.js';
import type { AskSecret } from '../inventory/secrets.js';
import { listDirectory, readFile, showUnit } from '../k3s/ask.js';
import { type K3sConfig, type NamedText, readK3sConfig } from '../k3s/config.js';
import { criticalArguments } from '../k3s/first.js';
import { argumentsOfConfigs, configForPeer, envForPeer } from '../k3s/install.js';
import { parseEntries } from '../k3s/listing.js';
import { k3sPaths, unitEnvFiles } from '../k3s/paths.js';
import { parseUnit } from '../k3s/systemd.js';
import type { Host } from '../remote/host.js';
import type { ProgressListener, TasksPort } from '../runner/ports.js';

/** What a fresh server needs of a peer: the program itself, which lies here until it is delivered. */
export interface FetchedProgram {
  readonly from: string;
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The machines it runs on, as `uname -m` calls them; where it says so itself. */
  readonly arch?: string;
}

export interface InstallDeskOptions {
  readonly cluster: Cluster;
  readonly spool: string;
  hosts(name: string): Pick<Host, 'exec' | 'get'>;
  /** The token that opens the snapshot, for the first server of a restore. */
  token?(): Promise<Secret>;
  /** Whom to ask for what the snapshot masks; nobody, where no person is there. */
  readonly ask?: AskSecret | undefined;
}

/** Brings what a fresh server needs from a healthy one: the program through this machine, the configuration made anew each time it is sent. */
export class InstallDesk implements TasksPort {
  readonly #fetched = new Map<string, FetchedProgram>();

  constructor(private readonly options: InstallDeskOptions) {}

  async run(task: TaskCommand, signal: AbortSignal, progress: ProgressListener): ReturnType<TasksPort['run']> {
    const from = String(task.input.from);
    try {
      if (task.task === 'k3s.critical') {
        const { configs, unit } = await this.#read(from, signal);
        const critical = criticalArguments([...argumentsOfConfigs(configs), ...unit.slice(2)]);
        return { ok: true, result: critical, text: JSON.stringify(critical) };
      }
      const fetched =
        task.task === 'k3s.fetch'
          ? await this.#fetch(from, String(task.input.path), signal, progress)
          : this.#fetched.get(from);
      if (fetched === undefined) return { ok: false, result: null, text: 'not fetched yet' };
      return { ok: true, result: fetched as unknown as Json, text: JSON.stringify(fetched) };
    } catch (error) {
      signal.throwIfAborted();
      const problem = toProblem(error);
      return { ok: false, result: problem as unknown as Json, text: `${problem.what} ${problem.next}` };
    }
  }

  async #fetch(from: string, path: string, signal: AbortSignal, progress: ProgressListener): Promise<FetchedProgram> {
    const got = from === HERE ? await ofThisMachine(path, signal) : await this.#bring(from, path, signal, progress);
    const arch = await archOf(got.file);
    const fetched = { from, ...got, ...(arch === undefined ? {} : { arch }) };
    this.#fetched.set(from, fetched);
    return fetched;
  }

  async #bring(from: string, path: string, signal: AbortSignal, progress: ProgressListener) {
    await mkdir(this.options.spool, { recursive: true, mode: 0o700 });
    const file = join(this.options.spool, `k3s-of-${from}`);
    await rm(file, { force: true });
    const onProgress = (done: number, total: number): void =>
      progress({ stage: 'fetch', done, total, bytesPerSecond: 0 });
    const { bytes, sha256 } = await this.options.hosts(from).get({ path, root: true, file, signal, onProgress });
    return { file, bytes, sha256 };
  }

  /**
   * A config or environment file for a new server. It holds the token, so it is made here and goes straight to its place.
   * @throws ProblemError when a peer's files cannot be read, no token can be found, or nobody can say what the snapshot masks
   */
  make(content: MadeContent, signal: AbortSignal): Promise<Uint8Array> {
    return content.made === 'first-config' ? this.#ofSnapshot(content, signal) : this.#ofHost(content, signal);
  }

  async #ofHost(content: MadeOfHost, signal: AbortSignal): Promise<Uint8Array> {
    const { configs, envs, config } = await this.#read(content.from, signal);
    if (content.made === 'server-env') return Buffer.from(envForPeer(envs));
    const { server, nodeName, nodeIp, dataDir } = content;
    const token = server === undefined ? await this.#provenToken() : await this.#tokenOf(content.from, config, signal);
    try {
      return Buffer.from(
        configForPeer({
          configs,
          token,
          nodeName,
          nodeIp,
          ...(server === undefined ? {} : { server }),
          ...(dataDir === undefined ? {} : { dataDir }),
        }),
      );
    } catch (error) {
      throw new ProblemError({
        id: 'config-unreadable',
        what: `The configuration of ${content.from} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
        left: 'Nothing was placed by this command.',
        next: 'Put that file right, or install K3s on the new server by hand without starting it.',
      });
    }
  }

  async #ofSnapshot(content: MadeOfSnapshot, signal: AbortSignal): Promise<Uint8Array> {
    const asked: Record<string, string> = {};
    for (const name of content.masked) {
      const value = await this.#masked(name, signal);
      if (value !== undefined) asked[name] = value.reveal();
    }
    const { nodeName, nodeIp, dataDir, namesAddress, settings } = content;
    const own = {
      token: await this.#provenToken(),
      'node-name': nodeName,
      ...(namesAddress ? { 'node-ip': nodeIp } : {}),
      ...(dataDir === undefined ? {} : { 'data-dir': dataDir }),
      ...asked,
    };
    return Buffer.from(`${stringify(own)}${settings}`);
  }

  /** An empty answer leaves the setting out. */
  async #masked(name: string, signal: AbortSignal): Promise<Secret | undefined> {
    const { ask } = this.options;
    if (ask !== undefined) return ask({ text: `${name} of the old servers (empty: leave it out)` }, signal);
    throw new ProblemError({
      id: 'value-masked',
      what: `The snapshot masks the value of ${name}, and nobody can be asked for it here.`,
      left: 'Nothing was placed by this command.',
      next: 'Open the console in a terminal, where it is asked for, or install K3s there by hand without starting it.',
    });
  }

  async #provenToken(): Promise<string> {
    if (this.options.token === undefined) throw new Error('no token was proven here');
    return (await this.options.token()).reveal();
  }

  async #tokenOf(from: string, config: K3sConfig, signal: AbortSignal): Promise<string> {
    const about = hostOf(this.options.cluster, from);
    const kept = k3sPaths(config.dataDir?.value ?? about.dataDir, about.service).token;
    const read = async (path: string): Promise<string> =>
      (await this.options.hosts(from).exec({ argv: readFile(path), root: true, signal })).stdout.trim();
    const token = config.token?.secret.reveal() ?? (await read(config.tokenFile?.value ?? kept));
    if (token !== '') return token;
    throw new ProblemError({
      id: 'token-missing',
      what: `No server token can be read on ${from}, and a new server cannot join without.`,
      left: 'Nothing was placed by this command.',
      next: `Look for ${kept} on ${from}, then retry.`,
    });
  }

  /** A host's whole configuration as it lies there, less what this console placed. */
  async #read(from: string, signal: AbortSignal) {
    const about = hostOf(this.options.cluster, from);
    const paths = k3sPaths(about.dataDir, about.service);
    const ask = (argv: readonly string[]) => this.options.hosts(from).exec({ argv, root: true, signal });
    const read = async (path: string): Promise<NamedText[]> => {
      const said = await ask(readFile(path));
      return said.code === 0 ? [{ path, text: said.stdout }] : [];
    };
    const envs = (await Promise.all(unitEnvFiles(about.service).map(read))).flat();
    const listing = await ask(listDirectory(paths.configDir));
    const extra = parseEntries(listing.stdout)
      .map((entry) => entry.name)
      .filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('zz-blackstart-'))
      .sort();
    const files = [paths.configFile, ...extra.map((name) => `${paths.configDir}/${name}`)];
    const configs = (await Promise.all(files.map(read))).flat();
    const unit = parseUnit((await ask(showUnit(paths.unit))).stdout).execStart;
    return { configs, envs, unit, config: readK3sConfig(unit, configs, envs) };
  }
}

/** A file that the inventory names. */
async function ofThisMachine(file: string, signal: AbortSignal) {
  try {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of createReadStream(file, { signal }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    return { file, bytes, sha256: hash.digest('hex') };
  } catch (cause) {
    signal.throwIfAborted();
    throw new ProblemError(
      {
        id: 'program-unreadable',
        what: `The K3s program ${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
        left: 'Nothing was changed.',
        next: 'Put it there, or correct k3s: program in cluster.yaml, then retry.',
      },
      EXIT.usage,
      { cause },
    );
  }
}

/** `e_machine` of an ELF header, little endian, as `uname -m` calls it: what K3s is released for. */
const MACHINES: Readonly<Record<number, string>> = {
  62: 'x86_64',
  183: 'aarch64',
  40: 'armv7l',
  22: 's390x',
  243: 'riscv64',
};

async function archOf(file: string): Promise<string | undefined> {
  const handle = await open(file);
  try {
    const head = Buffer.alloc(20);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    return bytesRead === head.length && head.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1'))
      ? MACHINES[head.readUInt16LE(18)]
      : undefined;
  } finally {
    await handle.close();
  }
}

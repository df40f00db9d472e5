import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ProblemError, toProblem } from '../base/problem.js';
import type { Cluster } from '../incident/cluster.js';
import { hostOf } from '../incident/cluster.js';
import type { MadeContent, TaskCommand } from '../incident/command.js';
import type { Json } from '../incident/json.js';
import { listDirectory, readFile, showUnit } from '../k3s/ask.js';
import { type NamedText, readK3sConfig } from '../k3s/config.js';
import { configForPeer, envForPeer } from '../k3s/install.js';
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
}

export interface InstallDeskOptions {
  readonly cluster: Cluster;
  readonly spool: string;
  hosts(name: string): Pick<Host, 'exec' | 'get'>;
}

/** Brings what a fresh server needs from a healthy one: the program through this machine, the configuration made anew each time it is sent. */
export class InstallDesk implements TasksPort {
  readonly #fetched = new Map<string, FetchedProgram>();

  constructor(private readonly options: InstallDeskOptions) {}

  async run(task: TaskCommand, signal: AbortSignal, progress: ProgressListener): ReturnType<TasksPort['run']> {
    const from = String(task.input.from);
    try {
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
    await mkdir(this.options.spool, { recursive: true, mode: 0o700 });
    const file = join(this.options.spool, `k3s-of-${from}`);
    await rm(file, { force: true });
    const onProgress = (done: number, total: number): void =>
      progress({ stage: 'fetch', done, total, bytesPerSecond: 0 });
    const got = await this.options.hosts(from).get({ path, root: true, file, signal, onProgress });
    const fetched = { from, file, bytes: got.bytes, sha256: got.sha256 };
    this.#fetched.set(from, fetched);
    return fetched;
  }

  /**
   * A config or environment file for a new server, from those of a peer. It holds the token, so it is made here and goes straight to its place.
   * @throws ProblemError when the peer's files cannot be read or no token can be found
   */
  async make(content: MadeContent, signal: AbortSignal): Promise<Uint8Array> {
    const about = hostOf(this.options.cluster, content.from);
    const paths = k3sPaths(about.dataDir, about.service);
    const ask = (argv: readonly string[]) => this.options.hosts(content.from).exec({ argv, root: true, signal });
    const read = async (path: string): Promise<NamedText[]> => {
      const said = await ask(readFile(path));
      return said.code === 0 ? [{ path, text: said.stdout }] : [];
    };
    const envs = (await Promise.all(unitEnvFiles(about.service).map(read))).flat();
    if (content.made === 'server-env') return Buffer.from(envForPeer(envs));
    const listing = await ask(listDirectory(paths.configDir));
    const extra = parseEntries(listing.stdout)
      .map((entry) => entry.name)
      .filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('zz-blackstart-'))
      .sort();
    const files = [paths.configFile, ...extra.map((name) => `${paths.configDir}/${name}`)];
    const configs = (await Promise.all(files.map(read))).flat();
    const unit = parseUnit((await ask(showUnit(paths.unit))).stdout);
    const config = readK3sConfig(unit.execStart, configs, envs);
    const kept = k3sPaths(config.dataDir?.value ?? about.dataDir, about.service).token;
    const token = config.token?.secret.reveal() ?? (await ask(readFile(config.tokenFile?.value ?? kept))).stdout.trim();
    if (token === '') {
      throw new ProblemError({
        id: 'token-missing',
        what: `No server token can be read on ${content.from}, and a new server cannot join without.`,
        left: 'Nothing was placed by this command.',
        next: `Look for ${kept} on ${content.from}, then retry.`,
      });
    }
    const { server, nodeName, nodeIp, dataDir } = content;
    try {
      return Buffer.from(
        configForPeer({ configs, server, token, nodeName, nodeIp, ...(dataDir === undefined ? {} : { dataDir }) }),
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
}

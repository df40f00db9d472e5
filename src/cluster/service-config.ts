import { listDirectory, readFile } from '../k3s/ask.js';
import { type K3sConfig, readK3sConfig } from '../k3s/config.js';
import { parseEntries } from '../k3s/listing.js';
import { type K3sPaths, unitEnvFiles } from '../k3s/paths.js';
import type { AskHost, Said } from './ask-host.js';

export interface ReadConfig {
  readonly config: K3sConfig;
  /** Config files it was read from. */
  readonly files: readonly string[];
  /** What the host did not answer about: the configuration is not known then. */
  readonly silent: readonly string[];
}

/** A service's whole configuration as it lies on its host. `execStart` is the unit's own. */
export async function readServiceConfig(
  ask: AskHost,
  service: string,
  paths: K3sPaths,
  execStart: readonly string[],
): Promise<ReadConfig> {
  const silent: string[] = [];
  const heard = async (argv: readonly string[], path: string): Promise<Said> => {
    const said = await ask(argv);
    if (said.code === null) silent.push(path);
    return said;
  };
  const listing = await heard(listDirectory(paths.configDir), paths.configDir);
  const extra = parseEntries(listing.stdout)
    .map((entry) => entry.name)
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => `${paths.configDir}/${name}`);
  const read = async (path: string) => ({ path, said: await heard(readFile(path), path) });
  const there = (files: Awaited<ReturnType<typeof read>>[]) =>
    files.filter((file) => file.said.code === 0).map((file) => ({ path: file.path, text: file.said.stdout }));
  const [configs, envs] = await Promise.all([
    Promise.all([paths.configFile, ...extra].map(read)).then(there),
    Promise.all(unitEnvFiles(service).map(read)).then(there),
  ]);
  const files = configs.map((file) => file.path);
  return { config: readK3sConfig(execStart, configs, envs), files, silent };
}

import { listDirectory, readFile } from '../k3s/ask.js';
import { type K3sConfig, readK3sConfig } from '../k3s/config.js';
import { parseEntries } from '../k3s/listing.js';
import { type K3sPaths, unitEnvFiles } from '../k3s/paths.js';
import type { AskHost } from './ask-host.js';

/** A service's whole configuration as it lies on its host, with the config files it was read from. `execStart` is the unit's own. */
export async function readServiceConfig(
  ask: AskHost,
  service: string,
  paths: K3sPaths,
  execStart: readonly string[],
): Promise<{ readonly config: K3sConfig; readonly files: readonly string[] }> {
  const listing = await ask(listDirectory(paths.configDir));
  const extra = parseEntries(listing.stdout)
    .map((entry) => entry.name)
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => `${paths.configDir}/${name}`);
  const read = async (path: string) => ({ path, said: await ask(readFile(path)) });
  const there = (files: Awaited<ReturnType<typeof read>>[]) =>
    files.filter((file) => file.said.code === 0).map((file) => ({ path: file.path, text: file.said.stdout }));
  const [configs, envs] = await Promise.all([
    Promise.all([paths.configFile, ...extra].map(read)).then(there),
    Promise.all(unitEnvFiles(service).map(read)).then(there),
  ]);
  return { config: readK3sConfig(execStart, configs, envs), files: configs.map((file) => file.path) };
}

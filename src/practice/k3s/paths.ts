import type { K3sPorts, K3sState, ModelFiles } from './ports.js';

/** Where K3s keeps what (facts section 2.1, `a-healthy/node-1.ls-server.out`). */
export const at = {
  server: (state: K3sState): string => `${state.options.dataDir}/server`,
  db: (state: K3sState): string => `${state.options.dataDir}/server/db`,
  etcd: (state: K3sState): string => `${state.options.dataDir}/server/db/etcd`,
  flag: (state: K3sState): string => `${state.options.dataDir}/server/db/reset-flag`,
  token: (state: K3sState): string => `${state.options.dataDir}/server/token`,
  passwd: (state: K3sState): string => `${state.options.dataDir}/server/cred/passwd`,
  ca: (state: K3sState): string => `${state.options.dataDir}/server/tls/server-ca.crt`,
};

/** Removes a path if it is there. */
export function drop(files: ModelFiles, path: string): void {
  if (files.exists(path)) files.remove(path, { recursive: true });
}

/** The two rows of `server/cred/passwd` (`a-healthy/node-1.token-files.out`). */
export function passwdFor(password: string): string {
  return `${password},node,node,k3s:agent\n${password},server,server,k3s:server\n`;
}

/** The member name in `db/etcd/name`, made when missing. */
export function memberName(ports: K3sPorts, state: K3sState, fresh: boolean): string {
  const path = `${at.etcd(state)}/name`;
  if (!fresh && ports.files.exists(path)) return ports.files.text(path).trim();
  const name = `${state.options.nodeName ?? ports.node}-${ports.hex(8)}`;
  ports.files.mkdir(at.etcd(state), { parents: true, mode: 0o700 });
  ports.files.write(path, name, 0o600);
  return name;
}
